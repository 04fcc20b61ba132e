"""scripts/count-tests on summaries as Catch2 2.13, lit and unittest print them."""
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.sax.saxutils

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "count-tests"


def suite(output, status="run", name="suite", inside=""):
    return (f'<testcase name="{name}" status="{status}">{inside}'
            f"<system-out>{xml.sax.saxutils.escape(output)}</system-out></testcase>")


class CountTests(unittest.TestCase):
    def counted(self, *suites):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write("<testsuite>" + "".join(suites) + "</testsuite>")
            file.flush()
            done = subprocess.run([sys.executable, SCRIPT, file.name], capture_output=True, text=True)
        return done.stdout.splitlines()[-1], done.returncode

    def test_catch2(self):
        self.assertEqual(self.counted(suite("All tests passed (1213 assertions in 57 test cases)\n")),
                         ("57 passed, 0 failed, 0 skipped", 0))
        self.assertEqual(self.counted(suite("All tests passed (1 assertion in 1 test case)\n")),
                         ("1 passed, 0 failed, 0 skipped", 0))
        self.assertEqual(self.counted(suite("test cases:  5 |  4 passed | 1 failed\nassertions: 9 | 8 passed | 1 failed\n", "fail")),
                         ("4 passed, 1 failed, 0 skipped", 1))

    def test_a_case_that_warns_skipped_is_not_passed(self):
        self.assertEqual(self.counted(suite("warning:\n  skipped: no GGUF in the cache\n\nAll tests passed (3 assertions in 2 test cases)\n")),
                         ("1 passed, 0 failed, 1 skipped", 0))

    def test_unittest(self):
        self.assertEqual(self.counted(suite("Ran 7 tests in 0.1s\n\nOK\n")), ("7 passed, 0 failed, 0 skipped", 0))
        self.assertEqual(self.counted(suite("Ran 7 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n", "fail")),
                         ("3 passed, 3 failed, 1 skipped", 1))

    def test_lit(self):
        output = ("Testing Time: 1.02s\n\nTotal Discovered Tests: 9\n  Unsupported      : 1 (11.11%)\n"
                  "  Passed           : 5 (55.56%)\n  Expectedly Failed: 1 (11.11%)\n  Failed           : 2 (22.22%)\n")
        self.assertEqual(self.counted(suite(output, "fail")), ("6 passed, 2 failed, 1 skipped", 1))

    def test_a_program_without_a_summary_is_one_case(self):
        self.assertEqual(self.counted(suite("hello"), suite("oops", "fail")), ("1 passed, 1 failed, 0 skipped", 1))

    def test_a_crash_after_the_summary_is_a_failure(self):
        self.assertEqual(self.counted(suite("All tests passed (2 assertions in 2 test cases)\nSegmentation fault\n", "fail"))[1], 1)

    def test_a_program_that_is_not_there_is_a_failure(self):
        self.assertEqual(self.counted(suite("Unable to find executable", "notrun")), ("0 passed, 1 failed, 0 skipped", 1))

    def test_a_suite_may_skip_itself(self):
        asked = '<skipped message="SKIP_RETURN_CODE=77"/>'
        self.assertEqual(self.counted(suite("All tests passed (1 assertion in 1 test case)\n"), suite("no AMX", "notrun", inside=asked)),
                         ("1 passed, 0 failed, 1 skipped", 0))

    def test_no_test_is_a_failure(self):
        self.assertEqual(self.counted(), ("0 passed, 0 failed, 0 skipped", 1))
        self.assertEqual(self.counted(suite("Ran 0 tests in 0.0s\n\nOK\n")), ("0 passed, 0 failed, 0 skipped", 1))

    def test_a_file_that_is_not_there(self):
        done = subprocess.run([sys.executable, SCRIPT, "/nonexistent.xml"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))


if __name__ == "__main__":
    unittest.main()
