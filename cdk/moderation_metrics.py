"""What moderation counts of itself (parley.turns.judging, the review routes), and what is watched of it."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk.constructs.alarms import Watch
from cdk.constructs.python_function import PythonFunction

_MINUTE = Duration.minutes(1)
_FIVE_MINUTES = Duration.minutes(5)
_DAY = Duration.days(1)
# A function, and the name of what it counts.
_Counted = tuple[PythonFunction, str]
_RUN_TURNS = frozenset({"chat", "jobs"})


def own_metric(
    function: PythonFunction, name: str, statistic: str = "Sum", period: Duration = _MINUTE
) -> cloudwatch.Metric:
    """What the function counts or times itself (parley.kit.telemetry)."""
    return cloudwatch.Metric(
        namespace="Parley",
        metric_name=name,
        dimensions_map={"service": function.name},
        statistic=statistic,
        period=period,
    )


def turn_functions(functions: Sequence[PythonFunction]) -> list[PythonFunction]:
    """Those that run turns, and so judge what is said in them."""
    return [each for each in functions if each.name in _RUN_TURNS]


def share_of_turns(functions: Sequence[PythonFunction], name: str, label: str) -> cloudwatch.MathExpression:
    """Of the turns that were judged, those that counted `name`, in percent."""
    return _percent([(each, name) for each in functions], [(each, "TurnsJudged") for each in functions], label)


def false_positives(moderation: PythonFunction) -> cloudwatch.MathExpression:
    """Of what reviewers decided in a day, what they found to be fine, in percent."""
    approved, upheld = (moderation, "ReviewsApproved"), (moderation, "ReviewsUpheld")
    return _percent([approved], [approved, upheld], "found to be fine, %", _DAY)


def watch_moderation(functions: Sequence[PythonFunction]) -> list[Watch]:
    return [
        *(_watch_verdicts(each) for each in turn_functions(functions)),
        *(_watch_latency(each) for each in turn_functions(functions)),
    ]


def _watch_latency(function: PythonFunction) -> Watch:
    """Of what turns wait for, the way there and back included; runs of the moderation function are also reviews, and a megabyte
    of `/v1/moderations`. One turn in ten may have long text, which takes longer by design.
    """
    return Watch(
        f"{function.name}-moderation-latency",
        own_metric(function, "ClassifierMs", "p90", _FIVE_MINUTES),
        # A turn waits 300 ms for its verdict, for long text up to 1.5 s (parley.moderation.service).
        200,
        "moderation-latency",
        f"10 % of the turns of the {function.name} function waited more than 200 ms for the classifier for 15 minutes. "
        "A short one does without after 300 ms.",
        periods=3,
    )


def _watch_verdicts(function: PythonFunction) -> Watch:
    """A single turn without a verdict is a cold start; one in a hundred, minute by minute, is an outage."""
    away, judged = (function, "ModerationAway"), (function, "TurnsJudged")
    return Watch(
        f"{function.name}-moderation-away",
        _percent([away], [judged], "without a verdict, %", _MINUTE),
        1,
        "moderation-away",
        f"More than 1 % of the turns of the {function.name} function had no verdict of the classifier in time for 5 minutes.",
        periods=5,
    )


def _percent(
    part: Sequence[_Counted], whole: Sequence[_Counted], label: str, period: Duration = _FIVE_MINUTES
) -> cloudwatch.MathExpression:
    """No number where the whole is 0. What nothing has counted yet is 0."""
    return cloudwatch.MathExpression(
        expression=f"100 * ({_sum(part)}) / ({_sum(whole)})",
        using_metrics={_id(each): own_metric(*each, period=period) for each in (*part, *whole)},
        label=label,
        period=period,
    )


def _sum(counted: Sequence[_Counted]) -> str:
    return " + ".join(f"FILL({_id(each)}, 0)" for each in counted)


def _id(counted: _Counted) -> str:
    """CloudWatch wants a name that begins small, one for each metric of a graph."""
    function, name = counted
    return f"{function.name}_{name}"
