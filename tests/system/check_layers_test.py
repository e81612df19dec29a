"""tools/check_layers.py on small trees: each kind of violation is named by file, line and edge."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "check_layers.py"


class CheckLayers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("stages.txt", "core:\nmodel: core\ninfluence: core model\nledger: core\n")
        for stage in ("core", "model", "influence", "ledger"):
            self.write(f"include/recant/{stage}/{stage}.hpp", "#pragma once\n#include <vector>\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_tool(self, *args):
        done = subprocess.run([sys.executable, TOOL, self.root / "stages.txt", "--root", self.root,
                               *args], capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def assert_refused(self, message):
        self.assertEqual(self.run_tool(), (1, message + "\n"))

    def test_a_tree_that_keeps_the_rules(self):
        self.write("src/influence/a.cpp", '#include "recant/influence/influence.hpp"\n'
                   '#include <Eigen/Core>\n#include <fmt/format.h>\n#include <unistd.h>\n'
                   '#include "private.hpp"\n#include "recant/model/model.hpp"\n')
        self.write("src/influence/private.hpp", "#include <nlohmann/json.hpp>\n")
        self.write("apps/recant/main.cpp", '#include <CLI/CLI.hpp>\n#include "commands.hpp"\n'
                   '#include "recant/influence/influence.hpp"\n')
        self.write("apps/recant/commands.hpp", "#include <string>\n")
        self.assertEqual(self.run_tool(), (0, ""))

    def test_an_include_up_the_pipeline(self):
        self.write("src/model/a.cpp", '#include <vector>\n\n  #  include "recant/influence/influence.hpp"\n')
        self.assert_refused("src/model/a.cpp:3: model -> influence: model depends only on core")

    def test_an_include_up_the_pipeline_in_a_public_header(self):
        self.write("include/recant/core/x.hpp", '#include "recant/model/model.hpp"\n')
        self.assert_refused("include/recant/core/x.hpp:1: core -> model: core depends only on nothing")

    def test_the_private_header_of_another_stage(self):
        self.write("src/model/private.hpp", "")
        self.write("src/influence/a.cpp", '#include "../model/private.hpp"\n')
        self.assert_refused('src/influence/a.cpp:1: "../model/private.hpp" is private to another '
                            'folder, or does not exist')

    def test_a_private_header_in_an_application(self):
        self.write("src/model/private.hpp", "")
        self.write("apps/recant/main.cpp", '#include "../../src/model/private.hpp"\n')
        self.assertEqual(self.run_tool()[0], 1)

    def test_a_private_header_in_a_public_one(self):
        self.write("include/recant/model/x.hpp", '#include "model.hpp"\n')
        self.assertEqual(self.run_tool()[0], 1)

    def test_libraries_out_of_place(self):
        for name, header, places in (
                ("include/recant/model/x.hpp", "nlohmann/json.hpp", "src, apps"),
                ("include/recant/model/x.hpp", "fmt/format.h", "src, apps"),
                ("include/recant/model/x.hpp", "unistd.h", "src, apps"),
                ("src/model/x.cpp", "cblas.h", "src/linalg"),
                ("src/model/x.cpp", "sqlite3.h", "src/ledger"),
                ("src/model/x.cpp", "fast_float/fast_float.h", "src/data"),
                ("src/model/x.cpp", "CLI/CLI.hpp", "apps")):
            with self.subTest(header):
                self.write(name, f"#include <{header}>\n")
                self.assert_refused(f"{name}:1: <{header}> may be included only in {places}")
                (self.root / name).unlink()

    def test_numerics_in_the_ledger(self):
        self.write("src/ledger/a.cpp", "#include <Eigen/Core>\n")
        self.assert_refused("src/ledger/a.cpp:1: <Eigen/Core> may not be used in the stage ledger")

    def test_a_library_nobody_named(self):
        self.write("src/model/a.cpp", "#include <boost/any.hpp>\n")
        self.assert_refused("src/model/a.cpp:1: <boost/any.hpp> is of no library that EXTERNAL in "
                            "tools/check_layers.py names")

    def test_a_folder_that_is_no_stage(self):
        self.write("src/extra/a.cpp", "")
        self.assert_refused("src/extra/a.cpp:1: extra is not a stage: no recant_add_stage(extra ...)")

    def test_graph_and_stale_page(self):
        code, text = self.run_tool("--graph")
        self.assertEqual((code, text.splitlines()[2]), (0, "influence  core model"))
        page = self.root / "PAGE.md"
        self.write("PAGE.md", "a\n<!-- stages -->\nold\n<!-- /stages -->\nb\n")
        self.assertIn("stale", self.run_tool("--page", page)[1])
        self.assertEqual(self.run_tool("--page", page, "--write"), (0, ""))
        self.assertEqual(page.read_text(), f"a\n<!-- stages -->\n```\n{text}```\n<!-- /stages -->\nb\n")
        self.assertEqual(self.run_tool("--page", page), (0, ""))
        self.write("PAGE.md", "no block\n")
        self.assertEqual(self.run_tool("--page", page)[0], 1)


if __name__ == "__main__":
    unittest.main()
