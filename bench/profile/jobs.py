"""The jobs of the command that are profiled, on UCI Adult or on made data."""
import csv
import dataclasses
import itertools
import pathlib
import shutil

MODEL = "model.rct"  # what a run works on; a fresh copy where the run changes it


@dataclasses.dataclass
class Job:
    """One row of the table: `arguments` of the command, in the scratch folder. Before each run `model`, one of those
    that `prepare` made, is copied to MODEL; without it nothing is copied. What the run writes goes to out.*."""
    name: str
    arguments: list
    model: str = ""
    program: str = "recant"
    threads: bool = True  # whether it has the flag
    exits: tuple = (0,)  # and 4 where the outcome may be no: a gap that is not reached, rows that do not converge


class Adult:
    """train.csv and, in two halves, test.csv of a folder."""
    train = ["train.csv"]
    small = ["small.csv"]
    columns = ["--target", "income", "--positive", ">50K", "--sensitive", "sex"]
    classes = ["train.csv", "--loss", "softmax", "--target", "marital-status", "--positive", "Divorced", "--sensitive", "sex"]
    validation, test, evaluated = ["--validation", "validation.csv"], ["--test", "test.csv"], ["test.csv"]
    thousand = ["--validation", "thousand.csv"]
    rows = 30_162  # of train.csv that have no missing cell

    def __init__(self, folder, scratch):
        shutil.copy(folder / "train.csv", scratch / "train.csv")
        with open(folder / "test.csv", newline="") as file:
            header, *lines = csv.reader(file)
        with open(folder / "train.csv", newline="") as file:
            small = list(itertools.islice(csv.reader(file), 1, 2_001))
        half = len(lines) // 2
        for name, part in (("small", small), ("validation", lines[:half]), ("test", lines[half:]), ("thousand", lines[:1_000])):
            with open(scratch / f"{name}.csv", "w", newline="") as file:
                csv.writer(file).writerows([header, *part])


def arrays(split, flag=""):
    return [part for name in ("features", "targets", "groups") for part in (f"--{flag}{name}", f"{split}_{name}.npy")]


class Made:
    """What generate.py writes: 2,000 validation rows, which are the test rows too."""
    train, columns, small = arrays("train"), [], arrays("small")
    classes = ["--features", "train_features.npy", "--targets", "train_classes.npy", "--groups", "train_groups.npy",
               "--loss", "softmax", "--positive", "0"]
    validation, test, evaluated = arrays("validation", "validation-"), arrays("validation", "test-"), arrays("validation")
    thousand = arrays("thousand", "validation-")

    def __init__(self, rows, columns, scratch):
        import generate  # of bench/pipeline
        import numpy as np
        generate.generate(rows, columns, scratch)
        self.rows = rows
        for name in ("features", "targets", "groups"):
            np.save(scratch / f"small_{name}.npy", np.load(scratch / f"train_{name}.npy", mmap_mode="r")[:2_000])
            np.save(scratch / f"thousand_{name}.npy", np.load(scratch / f"validation_{name}.npy", mmap_mode="r")[:1_000])
        targets, groups = (np.load(scratch / f"train_{name}.npy") for name in ("targets", "groups"))
        np.save(scratch / "train_classes.npy", targets + 2 * groups)


BUDGET = ["--epsilon", "1", "--delta", "1e-5"]


def prepare(data, scratch, call):
    """The models and files that the jobs start from."""
    fit = ["fit", *data.train, *data.columns]
    budget = [*fit, *data.validation, *BUDGET]
    call(*fit, "-o", "plain.rct")
    call(*budget, "-o", "budget.rct")
    call("fit", *data.small, *data.columns, "-o", "small.rct")
    every = data.rows // 201
    (scratch / "rows.txt").write_text("".join(f"{row}\n" for row in range(0, 201 * every, every)))
    every = data.rows // 1_000
    requests = "".join(f"request {row},{row}\n" for row in range(0, 1_000 * every, every))
    (scratch / "requests.csv").write_text("key,row\n" + requests)
    (scratch / "fifty.txt").write_text("".join(f"{row}\n" for row in range(50)))
    shutil.copytree(scratch / "budget.rct", scratch / "less.rct")
    call("forget", "less.rct", "--rows-from", "rows.txt")
    (certificate,) = sorted(path for path in (scratch / "less.rct/certificates").glob("*2.json"))
    shutil.copy(certificate, scratch / "certificate.json")


def jobs(data):
    fit = ["fit", *data.train, *data.columns]
    budget = [*data.validation, *BUDGET]
    correct = ["correct", MODEL, *data.validation, *data.test, "--close", "demographic_parity", "-o", "out.rct", "--force"]
    one, hard = ["--rounds", "1", "--update", "newton"], ["--scheme", "hard", "--share", "0.01"]
    value = ["value", MODEL, "-o", "out.npy", "--method"]
    forget, audit = ["forget", MODEL], ["audit", MODEL]
    votes = ["--max-samples", "64", *data.thousand]
    models = ["--utility", "log_loss", "--max-samples", "64", *data.validation]
    value_weights = ["--rows", "17", "--weighting", "value:0.5", "--value-method", "influence", *data.validation]
    retained = ["--rows", "17", "--weighting", "retained:0.1", *data.validation]
    return [
        Job("the start alone: `--version`", ["--version"], threads=False),
        Job("`fit`", [*fit, "-o", "out.rct", "--force"]),
        Job("`fit`, with a budget whose noise is priced", [*fit, *budget, "-o", "out.rct", "--force"]),
        Job("`fit --plan`, the same", [*fit, *budget, "--plan"]),
        Job("`fit --loss softmax`", ["fit", *data.classes, "-o", "out.rct", "--force"]),
        Job("adoption, of a library call", [MODEL], "plain", "adopt_model"),
        Job("`evaluate`", ["evaluate", MODEL, *data.evaluated], "plain"),
        Job("`influence`, one gap", ["influence", MODEL, *data.validation, "--metric", "demographic_parity", "-o", "out.npy"],
            "plain"),
        Job("`correct`, closed form, one Newton step", [*correct, "--bounds", "none", *one], "plain"),
        Job("`correct`, bounded, one Newton step", [*correct, *one], "plain"),
        Job("`correct`, hard, 1 % of the rows, one Newton step", [*correct, *hard, *one], "plain"),
        Job("`correct`, closed form, to a gap of 0.1, polished", [*correct, "--bounds", "none", "--target-gap", "0.1"], "plain",
            exits=(0, 4)),
        Job("`correct`, bounded, 8 rounds, polished", correct, "plain"),
        Job("`correct`, hard, 8 rounds, polished", [*correct, "--scheme", "hard"], "plain", exits=(0, 4)),
        Job("`compare`, 1,000 resamples", ["compare", *data.train, *data.columns, *data.validation, *data.test]),
        Job("`value`, KNN-Shapley", [*value, "knn_shapley", *data.validation], "plain"),
        Job("`value`, influence", [*value, "influence", *data.validation], "plain"),
        Job("`value`, leave-one-out of 2,000 rows", [*value, "leave_one_out", *data.validation], "small",
            exits=(0, 4)),
        Job("`value`, Data Shapley, 64 permutations by 1,000 votes", [*value, "data_shapley", *votes], "plain"),
        Job("`value`, Beta Shapley, the same", [*value, "beta_shapley", *votes], "plain"),
        Job("`value`, Data Banzhaf, 64 subsets by 1,000 votes", [*value, "data_banzhaf", *votes], "plain"),
        Job("`value`, Data Banzhaf of 2,000 rows, 64 subsets by log loss", [*value, "data_banzhaf", *models], "small"),
        Job("`forget`, one row", [*forget, "--rows", "17"], "plain"),
        Job("`forget`, one row, budget, tier 0", [*forget, "--rows", "17", "--tier-at-most", "0"], "budget"),
        Job("`forget`, 201 rows, budget", [*forget, "--rows-from", "rows.txt"], "budget"),
        Job("`forget`, 50 rows one by one, budget", [*forget, "--rows-from", "fifty.txt", "--one-by-one"], "budget"),
        Job("`forget`, 1,000 requests in a batch, budget", [*forget, "--requests", "requests.csv"], "budget"),
        Job("`forget --from-ledger`, 201 rows", [*forget, "--from-ledger", "less.rct/ledger.sqlite"], "budget"),
        Job("`forget --method ascent`, one row", [*forget, "--rows", "17", "--method", "ascent", *data.validation], "plain"),
        Job("`forget`, one row, weights by value (influence)", [*forget, *value_weights], "plain"),
        Job("`forget`, one row, retained weights (KNN-Shapley)", [*forget, *retained], "plain"),
        Job("`status`", ["status", MODEL], "less"),
        Job("`status --check`", ["status", MODEL, "--check"], "less"),
        Job("`audit --against-retrain`", [*audit, "--against-retrain"], "less"),
        Job("`audit --membership`", [*audit, "--membership", "--before", "budget.rct", *data.test], "less"),
        Job("`audit --reconstruction`", [*audit, "--reconstruction", "--before", "budget.rct"], "less"),
        Job("`verify`", ["verify", "certificate.json", "--model", MODEL], "less"),
        Job("`backup`", ["backup", MODEL, "out.rct"], "less"),
    ]
