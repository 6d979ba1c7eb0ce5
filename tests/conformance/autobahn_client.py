"""Runs cases of the Autobahn suite against a server; in the environment of autobahn_setup.py.

    autobahn_client.py URL CASES      such as ws://127.0.0.1:9000/ '1.*,2.*'

Says one JSON object a line: `selected`, then of each case `result` and, where the suite itself
raised, `exception`; `problem` when it could not connect. Judges nothing.
"""
import json
import sys
import warnings

warnings.simplefilter("ignore")

import txaio

txaio.use_twisted()

from autobahntestsuite import fuzzing
from twisted.internet import reactor
from twisted.logger import globalLogPublisher

OUT, sys.stdout = sys.stdout, sys.stderr
RESULT = ["id", "behavior", "behaviorClose", "result", "resultClose", "remoteCloseCode"]


def say(kind, **event):
    print(json.dumps(dict(event, kind=kind)), file=OUT, flush=True)


class Client(fuzzing.FuzzingClientFactory):
    current = None

    def nextCase(self):
        more = super().nextCase()
        Client.current = self.currentCaseId if more else None
        return more

    def logCase(self, result):
        super().logCase(result)
        say("result", **{name: result[name] for name in RESULT})

    def clientConnectionFailed(self, connector, reason):
        say("problem", text=f"no connection at case {self.current}: {reason.getErrorMessage()}")
        super().clientConnectionFailed(connector, reason)

    def createReports(self):
        """Pages for people; what we need was said."""


def observe(event):
    failure = event.get("log_failure") or event.get("failure")
    if failure:
        say("exception", id=Client.current, text=failure.getTraceback())


def main():
    url, cases = sys.argv[1:]
    spec = {"outdir": None, "cases": cases.split(","), "exclude-cases": [],
            "servers": [{"agent": "server", "url": url}]}
    known = fuzzing.CaseSet(fuzzing.CaseSetname, fuzzing.CaseBasename, fuzzing.Cases,
                            fuzzing.CaseCategories, fuzzing.CaseSubCategories)
    say("selected", cases=known.parseSpecCases(spec))
    globalLogPublisher.addObserver(observe)
    Client(spec)
    reactor.run()


if __name__ == "__main__":
    main()
