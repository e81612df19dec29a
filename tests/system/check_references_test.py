"""tools/check_references.py on small trees: what it must let pass and what it must refuse."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "check_references.py"


class CheckReferences(unittest.TestCase):
    def run_tool(self, code, bibliography):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "src").mkdir()
            (root / "docs").mkdir()
            (root / "src" / "a.cpp").write_text(code)
            (root / "docs" / "references.bib").write_text(bibliography)
            done = subprocess.run([sys.executable, TOOL, root], capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def test_both_sides_agree(self):
        code, text = self.run_tool("// [Koh2017], x[2]\n", "@book{Koh2017,\n year = 2017}\n")
        self.assertEqual((code, text), (0, "1 entries, 1 keys cited, 0 errors\n"))

    def test_no_entry(self):
        code, text = self.run_tool("// [Koh2017]\n", "")
        self.assertEqual(code, 1)
        self.assertIn("src/a.cpp: cites [Koh2017]", text)

    def test_no_citation(self):
        code, text = self.run_tool("", "@book{Koh2017,\n}\n")
        self.assertEqual(code, 1)
        self.assertIn("Koh2017 is not cited", text)

    def test_a_dead_link(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "docs").mkdir()
            (root / "docs" / "references.bib").write_text("")
            (root / "README.md").write_text("[a](docs/references.bib) [b](docs/none.md) [c](https://example.org/x)\n")
            done = subprocess.run([sys.executable, TOOL, root], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("README.md: links to docs/none.md, which is not there", done.stdout)
        self.assertIn("1 errors", done.stdout)

    def test_twice(self):
        code, text = self.run_tool("// [Koh2017]\n", "@book{Koh2017,\n}\n@misc{ Koh2017,\n}\n")
        self.assertEqual(code, 1)
        self.assertIn("Koh2017 is there twice", text)


if __name__ == "__main__":
    unittest.main()
