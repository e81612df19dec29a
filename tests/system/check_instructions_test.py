"""bench/guard/check_instructions.py: what it says of counts next to those recorded."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "bench" / "guard"))
from check_instructions import verdict  # noqa: E402

RECORDED = {"compiler": "GCC: 12", "instruction_set": "AVX2", "counts": {"a": 1000, "b": 2000}}


class CheckInstructions(unittest.TestCase):
    def verdict(self, counts, built_with="GCC: 12", same_compiler=False):
        lines, faults = verdict(RECORDED, built_with, counts, same_compiler)
        return "\n".join(lines), "\n".join(faults)

    def test_about_as_many(self):
        text, faults = self.verdict({"a": 1050, "b": 1900})
        self.assertEqual(faults, "")
        self.assertNotIn("--record", text)

    def test_more_is_a_fault(self):
        _, faults = self.verdict({"a": 1051, "b": 2000})
        self.assertIn("a takes 1,051 instructions, 5.1% more than the 1,000 recorded", faults)

    def test_fewer_is_said(self):
        text, faults = self.verdict({"a": 1000, "b": 1898})
        self.assertEqual(faults, "")
        self.assertIn("b takes 1,898 instructions, 5.1% fewer than the 2,000 recorded: record it", text)

    def test_another_compiler(self):
        text, faults = self.verdict({"a": 5000, "b": 2000}, "GCC: 13")
        self.assertEqual(faults, "")
        self.assertIn("WARNING: the counts are of GCC: 12, but this is GCC: 13", text)
        _, faults = self.verdict({"a": 5000, "b": 2000}, "GCC: 13", same_compiler=True)
        self.assertIn("Record anew with --record", faults)

    def test_kernels_that_come_and_go(self):
        _, faults = self.verdict({"a": 1000, "c": 1})
        self.assertEqual(faults, "b is recorded, but there is no such kernel\n"
                                 "no count of c is recorded")


if __name__ == "__main__":
    unittest.main()
