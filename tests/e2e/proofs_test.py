"""Every example is proved: nothing is left open but what is said here, each certificate passes its check."""
import json
import re
import unittest

from support import CACHE, HEED, SOURCE, EndToEnd, run

# What an example may say is not proved, as (example, kind). Nothing so far.
OPEN = set()


class Proofs(EndToEnd):
    def test_every_example(self):
        examples = sorted((SOURCE / "examples").rglob("*.yaml"))
        self.assertGreaterEqual(len(examples), 14)
        for path in examples:
            name = str(path.relative_to(SOURCE / "examples"))
            with self.subTest(name):
                weights = re.search(r"^weights: (?!random)(\S+)$", path.read_text(), re.M)
                if weights and not any((folder / weights[1]).exists() for folder in (path.parent, CACHE)):
                    self.skipTest(f"{weights[1]} is not here")
                proof = self.folder / "model.proof"
                said = json.loads(run(HEED, "verify", path, "--json", "--certificate", proof).stdout)
                print(f"{name}: {len(said['facts'])} facts in {said['seconds'] * 1e3:.1f} ms")
                unproved = {(name, fact["kind"]) for fact in said["facts"] if fact["verdict"] == "not proved"}
                self.assertEqual(unproved, {each for each in OPEN if each[0] == name})
                self.assertTrue(all(promise["holds"] for promise in said["promises"]), said["promises"])
                checked = run(HEED, "verify", path, "--check", proof).stdout.decode()
                self.assertRegex(checked, r"[1-9]\d* claims proved")
                self.assertNotIn("tested", checked)


if __name__ == "__main__":
    unittest.main()
