"""What the functions of a profile are part of: library and symbol, as regular expressions, give a name. The first that
fits counts; a symbol is looked for anywhere in the demangled name, and of a library without symbols every one fits."""
import re

OWN = r"^(recant|adopt_model)$"

PARTS = [(name, re.compile(library), re.compile(symbol)) for name, library, symbol in [
    ("start", r"^ld-linux", r""),
    ("start", OWN, r"\bCLI::|recant::app::add_|cpu_indicator_init|get_available_features"),
    ("system", r"^\[", r""),  # [kernel.kallsyms], [vdso]
    ("pieces", r"^libsodium", r""),
    ("SQLite", r"^libsqlite", r""),
    ("MPFR", r"^lib(mpfr|gmp)\b", r""),
    ("BLAS", r"^lib(openblas|blas|lapack|gfortran|quadmath)", r""),
    ("exp and log", r"^libm\b", r"exp|log|pow"),
    ("memory", r"^libc\b", r"malloc|calloc|realloc|free|unlink_chunk|mem(cpy|move|set|chr|cmp|pcpy)"),
    ("texts", r"^lib(c|fmt|stdc\+\+|gcc_s)\b", r""),

    ("sums in long double", OWN, r"\bsums_over_rows\b"),
    ("votes", OWN, r"\bKnnGame::|\bplay_all\b"),
    ("sorting neighbours", OWN, r"\bradix_sort\b|\bNeighborOrder::(ranks|settle)\b"),
    ("distances", OWN, r"\bNeighborOrder::measure\b|\bsquared_distance\b|\bcentred_norms\b"),
    ("near rows", OWN, r"\bkeep_nearest\b|\bNearRows::"),
    ("growing sets", OWN, r"\bNeighborSet::"),
    ("drawing sets", OWN, r"\b(Permutation|Subset)Sampler::"),
    ("drawing resamples", OWN, r"\bmersenne_twister_engine\b|\(anonymous namespace\)::draw\b|\brandom_half\b"),
    ("extreme rows", OWN, r"\bextreme_rows\b|\bUnitRows::"),
    ("leverages", OWN, r"\bCholesky::inverse_norms\b"),
    ("categories left", OWN, r"\bCategoriesLeft::|\bRowsLeft::"),
    ("twins", OWN, r"\(anonymous namespace\)::fingerprint\b"),
    ("noise", OWN, r"\(anonymous namespace\)::normals\b|\bDiscreteGaussian\b|\bRandomStream::"),
    ("quadratic program", OWN, r"\bqp::|_qp|\badd_sums(_of_few)?\b|\bsoft_weights_bounded\b"),
    ("Gram matrices", OWN, r"\bgram_tile\b|::pack\b|\bGramScratch::"),
    ("softmax", OWN, r"\(anonymous namespace\)::softmax\b"),
    ("metrics", OWN, r"\bsplit_sides\b|\badd_side_sums\b|\bside_products\b|\battack_shifts\b|_moved\b|\bmoved_scores\b|"
                     r"\bmetric_(value|sides|terms)\b|\bselected_rows\b|\bbootstrap\b|recant::evaluate\b"),
    ("CSV", OWN, r"\bCsvReader::|\bTextTable::|\bTableRows::|\bRowEncoder::|\bread_csv\b|\bread_training_csv\b"),
    ("JSON", OWN, r"\bnlohmann::"),
    ("scores", OWN, r"::N_\w+::(scores|squared_norms|add_weighted_columns|weigh|logistic_)|\bsimd::(scores|expect|weigh)\b"
                    r"|\bTrainingPass::|\bweigh_rows\b|\bObjective::|\bLoss::|recant::weigh\b|\bsolve_left_out\b"
                    r"|\bleft_out_gradients\b"),
    ("sorting", OWN, r"\b__introsort_loop\b|\b__unguarded_linear_insert\b|\bdoubled_ranks\b"),
    ("intervals", OWN, r"\bbeta_fraction\b"),
    ("training", OWN, r"\bNewton::|\btrain_from\b|\bSecantMemory::|\bInverseModel::"),
]]


def part(library, symbol):
    """Its name, or None."""
    for name, libraries, symbols in PARTS:
        if libraries.search(library) and symbols.search(symbol):
            return name
    return None


def short(symbol):
    """As a reader knows it: without template arguments, parameters and what follows them."""
    symbol = symbol.replace("(anonymous namespace)::", "").replace("operator()", "call")
    before = None
    while before != symbol:
        before, symbol = symbol, re.sub(r"<[^<>]*>|\([^()]*\)( const)?", "", symbol)
    return symbol.split("{")[0].removesuffix("::")[:80]
