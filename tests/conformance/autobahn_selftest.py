"""Is the judge to be believed? Each way to be wrong is found, and nothing else."""
import unittest

from autobahn_judge import faults, read_deviations, summary, verdict_of

GOOD = {"behavior": "OK", "result": "as expected", "behaviorClose": "OK",
        "remoteCloseCode": 1000, "resultClose": "clean"}


class Judge(unittest.TestCase):
    def test_the_worse_of_two_verdicts_counts(self):
        self.assertEqual(verdict_of(GOOD, None)[0], "OK")
        for behavior, close, verdict in (("NON-STRICT", "OK", "NON-STRICT"),
                                         ("OK", "WRONG CODE", "NON-STRICT"),
                                         ("NON-STRICT", "UNCLEAN", "FAILED"),
                                         ("FAILED", "OK", "FAILED"),
                                         ("INFORMATIONAL", "INFORMATIONAL", "INFORMATIONAL")):
            result = dict(GOOD, behavior=behavior, behaviorClose=close)
            self.assertEqual(verdict_of(result, None)[0], verdict, (behavior, close))
        self.assertEqual(verdict_of(GOOD, "Traceback\nKeyError: 1")[0], "FAILED")
        self.assertEqual(verdict_of(None, None)[0], "NOT RUN")

    def test_a_case_must_be_what_the_list_says(self):
        known = read_deviations("# why\n1.2 NON-STRICT a reason of words  # and why\n")
        self.assertEqual(known, {"1.2": ("NON-STRICT", "a reason of words")})
        for verdict in ("OK", "INFORMATIONAL", "FAILED", "NOT RUN", "UNIMPLEMENTED"):
            self.assertEqual(len(faults({"1.2": (verdict, "")}, known)), 1, verdict)
        self.assertEqual(faults({"1.2": ("NON-STRICT", ""), "1.3": ("OK", "")}, known), [])
        unknown_and_missing = faults({"1.3": ("NON-STRICT", "")}, known)
        self.assertEqual([fault.split()[0] for fault in unknown_and_missing], ["1.3", "1.2"])
        self.assertEqual(faults({"9.1": ("OK", "")}, known), [])

    def test_a_list_without_reasons_is_refused(self):
        for line in ("1.2 NON-STRICT", "1.2 OK it passes", "1.2 RED it is",
                     "1.2 FAILED a\n1.2 FAILED b"):
            self.assertRaises(ValueError, read_deviations, line)

    def test_groups_are_counted_in_order(self):
        verdicts = {"10.1": ("OK", ""), "2.1": ("OK", ""), "2.2": ("FAILED", "")}
        self.assertEqual(list(summary(verdicts)), ["group 2: 1 OK, 1 FAILED", "group 10: 1 OK"])


if __name__ == "__main__":
    unittest.main()
