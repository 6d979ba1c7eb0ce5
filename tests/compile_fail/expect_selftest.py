"""What expect_error.py takes for an expectation, and what it refuses."""
import re
import unittest

import expect_error

WHOLE = [
    "// A mistake.\n// expect: no match for 'operator<'|use of deleted function\n#include <a>\n",
    "// expect: private\n\n// A comment of its own.\n",
    "// expect: Emitter\\(\\)'",
]
BROKEN = {
    "no expectation": "// A mistake.\n#include <a>\n",
    "ends with an operator": "// expect: private|\n#include <a>\n",
    "ends with white space": "// expect: private \n#include <a>\n",
    "a group is open": "// expect: 'signalbox::(Seq|Epoch\n#include <a>\n",
    "a class is open": "// expect: [a-z\n#include <a>\n",
    "an escape is open": "// expect: Emitter\\\n#include <a>\n",
    "goes on in the next line": "// expect: private|use of\n// deleted function\n#include <a>\n",
}


class Expectation(unittest.TestCase):
    def test_a_whole_one_is_taken_as_it_stands(self):
        for text in WHOLE:
            expected, fault = expect_error.expectation(text)
            self.assertIsNone(fault)
            self.assertEqual(expected, re.search("expect: (.+)", text)[1])

    def test_a_broken_one_is_refused(self):
        for name, text in BROKEN.items():
            with self.subTest(name):
                self.assertIsNotNone(expect_error.expectation(text)[1])


if __name__ == "__main__":
    unittest.main()
