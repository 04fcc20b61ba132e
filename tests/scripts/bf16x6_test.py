"""scripts/bf16x6: its arithmetic, against numbers known by hand."""
import importlib.machinery
import importlib.util
import pathlib
import unittest

path = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "bf16x6"
loader = importlib.machinery.SourceFileLoader("bf16x6", str(path))
bf16x6 = importlib.util.module_from_spec(importlib.util.spec_from_loader("bf16x6", loader))
loader.exec_module(bf16x6)


class Bf16x6(unittest.TestCase):
    def test_rounds_to_nearest_even(self):
        self.assertEqual([bf16x6.bf16(x) for x in (1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20)],
                         [1.0, 1.0, 1 + 2**-6, 1 + 2**-7])

    def test_three_parts_are_the_number(self):
        for x in map(bf16x6.f32, (0.1, -3.14159, 1e10, 1 + 2**-23)):
            self.assertEqual(sum(bf16x6.split(x)), x)

    def test_more_products_less_error(self):
        worst = bf16x6.errors(96, 5)
        self.assertLess(worst["six"], 2e-7)
        self.assertLess(worst["six"], worst["three"])
        self.assertLess(worst["three"], worst["one"] / 100)


if __name__ == "__main__":
    unittest.main()
