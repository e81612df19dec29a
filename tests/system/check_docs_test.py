"""tools/check_docs.py on small pages: what it must let pass and what it must refuse."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "check_docs.py"


class CheckDocs(unittest.TestCase):
    def run_tool(self, *lines):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder) / "page.md"
            page.write_text("\n".join(("# Page", *lines, "")))
            done = subprocess.run([sys.executable, TOOL, page], capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def assert_passes(self, *block):
        self.assertEqual(self.run_tool("```console run", *block, "```"),
                         (0, "1 blocks of 1 pages run, 0 failed\n"))

    def assert_fails(self, *block):
        code, text = self.run_tool("```console run", *block, "```")
        self.assertEqual(code, 1, text)
        return text

    def test_status(self):
        self.assert_passes("$ true")
        self.assertIn("page.md:2: exit status 3", self.assert_fails("$ true", "$ exit 3"))
        self.assert_fails("$ false | true")

    def test_output(self):
        self.assert_passes("$ printf 'a  b\\nc\\n'", "a b", "c")
        self.assert_fails("$ printf 'a\\nb\\n'", "a")
        self.assert_fails("$ echo a", "a", "b")
        self.assert_fails("$ echo a", "b")

    def test_numbers_may_differ_a_little_and_times_altogether(self):
        self.assert_passes("$ echo gap 0.12345 in 1.5 s", "gap 0.12346 in 0.2 s")
        self.assert_fails("$ echo gap 0.12345", "gap 0.125")
        self.assert_fails("$ echo gap -0.1", "gap 0.1")

    def test_left_out_lines(self):
        self.assert_passes("$ seq 9", "1", "...", "8", "9")
        self.assert_passes("$ seq 3", "...")
        self.assert_fails("$ seq 9", "...", "8")

    def test_long_commands_and_a_shared_folder(self):
        self.assert_passes("$ echo \\", "  x > file", "$ cat file", "x")

    def test_blocks_that_are_not_marked_are_left_alone(self):
        self.assertEqual(self.run_tool("```console", "$ false", "```")[0], 0)


if __name__ == "__main__":
    unittest.main()
