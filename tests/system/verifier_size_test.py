"""The offline verifier stays small enough to read: src/verify, private headers included, has under
500 lines that are neither blank nor a comment. Libraries, the public header and the command that
prints what was found are not in that number (docs/algorithms/certificates.md)."""
import pathlib
import unittest

FOLDER = pathlib.Path(__file__).parents[2] / "src" / "verify"
LIMIT = 500


def code_lines(text):
    lines = (line.strip() for line in text.splitlines())
    return sum(1 for line in lines if line and not line.startswith("//"))


class VerifierSize(unittest.TestCase):
    def test_only_blank_lines_and_comments_are_left_out(self):
        self.assertEqual(code_lines("// a\n\n  /// b\nint c;  // d\n}\n"), 2)

    def test_under_the_limit(self):
        counts = {path.name: code_lines(path.read_text()) for path in sorted(FOLDER.iterdir())
                  if path.suffix in (".cpp", ".hpp")}
        self.assertIn("verify.cpp", counts)
        self.assertFalse([path for path in FOLDER.rglob("*.?pp") if path.parent != FOLDER])
        self.assertFalse(any("/*" in path.read_text() for path in FOLDER.glob("*.?pp")))
        self.assertLess(sum(counts.values()), LIMIT, counts)


if __name__ == "__main__":
    unittest.main()
