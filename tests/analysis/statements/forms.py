"""Forms of the texts about an account, with a name for each of their claims."""

import re

import pytest

N = r"[-+]?[\d,]+(?:\.\d+)?"
DAY = r"\d{4}-\d\d-\d\d"
ZONE = r"\((?P<zone>[A-Z][\w/]+)\)"
WHEN = rf"(?P<first>{DAY})(?: to (?P<last>{DAY}))? {ZONE}"
BASIS = rf"\(95 % confidence; (?P<calls>{N}) calls in (?P<hours>{N}) hours, {WHEN}\)"
OF = rf"(?P<failed>{N}) of (?P<calls>{N}) calls"
FAILED_OF = rf"(?P<failed>{N}) failed of (?P<calls>{N}) calls"
ENDS = rf"(?P<low>{N}) to (?P<high>{N})"
RATE = rf"Error rate (?P<rate>{N}) %"
WITHIN = r"lies within (?P<spans>[\d:-]+(?: or [\d:-]+)*)"
OF_DAY = rf"(?:The busiest hour of the day {WITHIN}|No hour of the day stands out)"
NOTHING = rf"No (?:calls|minutes of talk) in (?P<hours>{N}) finished hours"
TOP = (
    rf"The busiest hour, (?P<hour>{DAY} \d\d:\d\d), carried (?P<erlangs>{N}) erlangs?"
    r"(?: and would have lost (?:(?:about|at most) (?P<lost>\d+)|less than 1) % of its calls "
    r"\(Erlang B\))?"
    r"(?P<long>; in \d+ hours? a very long call was spread over the hours it lasted)?\."
    r"(?: Such days would then need about (?P<lines>\d+) lines to refuse at most 1 %\.)?"
)
POINTS = (
    rf"(?P<points>{N}) points "
    rf"\((?:95 % interval {ENDS} points|too few days for an interval)\)"
)
SIZES = rf"(?P<billed>{N}) billed minutes for (?P<talk>{N}) minutes of talk"

#: All forms of each text: a text in another form fails until its claims can be computed here.
FORMS = {
    "describe_errors": [
        rf"{RATE} \({OF}; 95 % interval {ENDS} %\), {WHEN}\.",
        rf"Too few calls to give an error rate: {FAILED_OF}, {WHEN}\.",
        rf"No calls, so no error rate, {WHEN}\.",
    ],
    "describe_peak": [
        rf"{OF_DAY}(?:; (?P<many>\d+) hours of the week could be the busiest)? {BASIS}\.",
        rf"{NOTHING} \({WHEN}\)\.",
    ],
    "describe_capacity": [
        (
            "If a limit of 5 concurrent calls was in force, it refused 1 % or more of the calls in "
            rf"about (?P<risk>{N}) of (?P<hours>{N}) hours \({WHEN}\)\. {TOP}"
        ),
        (
            "Refusals are unlikely at a limit of 5 concurrent calls: in none of "
            rf"(?P<hours>{N}) hours would 1 % of the calls be refused \({WHEN}\)\. {TOP}"
        ),
        (
            rf"A limit of 5 concurrent calls was hardly in force: (?P<over>{N}) hours of "
            rf"(?P<hours>{N}) carried clearly more \({WHEN}\), up to (?P<erlangs>{N}) erlangs on "
            rf"(?P<hour>{DAY} \d\d:\d\d)\. To refuse at most 1 % of the calls, "
            r"these days would need about (?P<lines>\d+) lines\."
        ),
        rf"No talk in (?P<hours>{N}) hours \({WHEN}\)\.",
    ],
    "describe_month": [
        (
            rf"(?P<month>\d{{4}}-\d\d) {ZONE}: (?:an estimated )?USD (?P<money>{N}) for "
            rf"(?P<monthly>{N}) billed minutes (?:in all (?P<all_days>\d+) days|"
            rf"(?:on|from) (?P<first>{DAY}), where these data begin(?:, to (?P<last>{DAY}))?; not "
            "projected|"
            rf"to (?P<last_2>{DAY}), where these data end; the whole month would be USD "
            rf"(?P<projection>{N}) \(95 % interval USD (?P<low>{N}) to USD (?P<high>{N}), from "
            r"(?P<complete>\d+) complete days, the last (?P<absent>\d+) days are not in the data\)"
            rf"(?:; this carries on a trend of {N} % per month)?)\."
        )
    ],
    "plot_error_rate": [rf"{RATE} \({OF}; 95 % interval {ENDS} %\)", "No calls, so no error rate"],
    "plot_day": [OF_DAY, NOTHING],
    "plot_week": [
        r"(?P<many>\d+) hours of the week could be the busiest",
        "No hour of the week stands out",
        NOTHING,
    ],
    "plot_capacity": [
        (
            rf"If a limit of 5 was in force, it refused calls in about (?P<risk>{N}) of "
            rf"(?P<hours>{N}) hours"
        ),
        rf"Refusals unlikely at a limit of 5: no hour of (?P<hours>{N}) at risk",
        r"A limit of 5 was hardly in force: these days would need about (?P<lines>\d+) lines",
        rf"No talk in (?P<hours>{N}) hours",
    ],
    "plot_load_duration": [
        (
            rf"Traffic is over (?P<tenth>{N}) erlangs? in a tenth of (?P<hours>{N}) hours, "
            rf"(?P<erlangs>{N}) erlangs at most"
        ),
        "No talk in any finished hour",
    ],
    "plot_calendar": [
        rf"Busiest day: (?P<weekday>\w+) (?P<top_day>{DAY}) with (?P<most>{N}) calls",
        "No calls on any day",
    ],
    "plot_trend": [
        (
            rf"(?P<mean>{N}) calls per day on average over (?P<days>\d+) whole days, most on "
            rf"(?P<weekday>\w+) (?P<top_day>{DAY}) \((?P<most>{N})\)"
        ),
        rf"(?P<calls>{N}) calls in the one whole day",
        r"No calls in (?P<days>\d+) whole days",
    ],
    "plot_billing": [
        rf"Billed (?P<over_talk>{N}) % more than the talk: {SIZES} in (?P<days>\d+) whole days?",
        r"No billing overhead: no talk in (?P<days>\d+) whole days",
    ],
    "plot_burn_up": [
        (
            rf"(?P<monthly>{N}) billed minutes in (?P<month_name>\w+ \d{{4}})"
            rf"(?: since (?P<first>{DAY}), not projected)?"
        ),
        (
            rf"The whole month would be (?P<projected_minutes>{N}) billed minutes in "
            rf"(?P<month_name>\w+ \d{{4}}) \({ENDS}\)"
            rf"(?:, with a trend of {N} % per month)?"
        ),
    ],
    "plot_control": [
        rf"{RATE}: (?:no single day out of limits|too few failed calls to judge a single day)",
        rf"Error rate steady at (?P<rate>{N}) %: none of (?P<days>\d+) days is out of limits",
        rf"{RATE} of (?P<calls>{N}) calls: no limits can be set",
        (
            r"Error rate out of limits on \d+ of (?P<days>\d+) days, farthest on (?P<weekday>\w+) "
            rf"(?P<bad_day>{DAY}) \((?P<bad_rate>{N}) % against (?P<usual>{N}) %\)"
        ),
        "No calls in a whole day, so no error rate",
    ],
    "plot_error_week": [
        (
            r"No hour of the week stands out(?: once its worst week is set aside)?: "
            rf"error rate (?P<rate>{N}) % of (?P<calls>{N}) calls"
            r"(?:; (?P<few>\d+) of 168 hours have too few calls)?"
        ),
        "Too few calls in every hour of the week to tell its error rate",
    ],
    "plot_funnel": [
        (
            rf"No group's error rate differs more than groups usually do: (?P<rate>{N}) % of "
            rf"(?P<calls>{N}) calls"
        ),
        rf"Only \w+ has calls, so no groups to compare: error rate {N} % of {N} calls?",
        rf"{RATE} in every group: no limits can be set",
        "No calls in any group, so no error rate",
    ],
    "plot_pareto": [
        rf"(?P<groups>\d) of 3 groups have (?P<top_share>{N}) % of (?P<billed>{N}) billed minutes",
        (
            rf"(?P<top>\w+) (?:alone )?has (?P<top_share>{N}) % of (?P<billed>{N}) billed minutes"
            r"(?:, the most of 3 groups)?"
        ),
        "No billed minutes in any of 3 groups",
    ],
    "plot_comparison of periods": [
        rf"No significant change in calls: (?P<change>{N}) % \(95 % interval {ENDS} %\)",
        rf"Calls (?P<way>up|down) (?P<size>{N}) % \(95 % interval {ENDS} %\)",
        rf"Too little to compare: {N} against {N} calls?",
        "0 calls, none in the previous period",
    ],
    "plot_comparison of rates": [
        rf"(?:No significant change in error rate:|Error rate) {POINTS}",
        rf"{RATE} in both periods",
        "No calls in one of the periods, so no error rates to compare",
    ],
}
FORMS["plot_effects"] = [
    rf"{FORMS['plot_comparison of rates'][0]}(?:; no agent changed its own rate significantly)?",
    rf"{RATE} in both periods; no agent changed its own rate significantly",
    *FORMS["plot_comparison of rates"][1:],
]

HOLM = r"(?: among \d \w+ compared \(Holm's rule\), although its own interval excludes 0)?"
DAYS = rf"{DAY}(?: to {DAY})?"
OVER_DAYS = (
    r"\d+ (?:days?|hours?), same weekdays and hours(?:; \d+ (?:days?|hours?) of the period not "
    rf"compared)?\), {DAYS} {ZONE} against {DAYS}\."
)
OVER = rf"; {OVER_DAYS}"
RATES = (
    rf"\({N} % against {N} %; (?:95 % interval {ENDS} points|too few days for an interval); "
    rf"(?P<calls>{N}) calls against (?P<calls_before>{N})\), {WHEN} against {DAY}(?: to {DAY})?\."
)
#: The sentences of a report's summary; those of `describe_*` have the forms above.
FORMS["summary"] = [
    *(form for name in FORMS if name.startswith("describe_") for form in FORMS[name]),
    (
        rf"(?P<calls>{N}) calls in (?P<days>{N}) whole days?, {WHEN}(?:: (?P<mean>{N}) calls per "
        rf"day on average, most on (?P<weekday>\w+) (?P<top_day>{DAY}) \((?P<most>{N})\))?\."
    ),
    rf"No calls in (?P<days>{N}) whole days, {WHEN}\.",
    rf"0 (?:calls|billed minutes), none in the previous period, {DAYS} {ZONE} against {DAYS}\.",
    rf"Too little to compare: {N} against {N} (?:calls?|billed minutes?) \({OVER_DAYS}",
    (
        rf"(?:No significant change in calls{HOLM}: (?P<change>{N})|Calls (?P<way>up|down) "
        rf"(?P<size>{N})) % \({N} against {N}; 95 % interval {ENDS} %{OVER}"
    ),
    (
        rf"(?:No significant change in billed minutes{HOLM}: (?P<billed_change>{N})|Billed minutes "
        rf"(?:up|down) (?P<billed_size>{N})) % \({N} against {N}; 95 % interval {ENDS} %{OVER}"
    ),
    (
        rf"Join rate (?P<join>{N}) % \((?P<joined>{N}) of (?P<calls>{N}) calls; 95 % interval "
        rf"{ENDS} %\), {WHEN}\."
    ),
    (
        rf"(?:No significant change in error rate{HOLM}:|Error rate(?: up| down)?) "
        rf"(?P<points>{N}) points {RATES}"
    ),
    (
        rf"(?:No significant change in join rate{HOLM}:|Join rate(?: up| down)?) "
        rf"(?P<join_points>{N}) points {RATES}"
    ),
    rf"(?:Error|Join) rate {N} % in both periods, {WHEN} against {DAY} to {DAY}\.",
    rf"No single day of (?P<days>\d+) is out.*[ (]{N} % of (?P<calls>{N}) calls, {WHEN}\)\.",
    (
        rf"Error rate steady at {N} % of (?P<calls>{N}) calls: none of (?P<days>\d+) days is out "
        rf"of limits and no lasting shift is significant at the 95 % level, {WHEN}\."
    ),
    (
        rf"{RATE} of (?P<calls>{N}) calls in (?P<days>\d+) days?, {WHEN}: (?:one period is|such "
        r"rates are) not enough for limits\."
    ),
    rf"Error rate out of its usual range on \d+ of (?P<days>\d+) days, {WHEN}: .*deviations.*\.",
    (
        rf"Call minutes cost (?:an estimated )?USD (?P<cost>{N}): (?P<billed>{N}) billed minutes "
        rf"at USD 0\.05 per minute, the vendor's default price, {WHEN}\."
    ),
    (
        r"In none of \d groups by agent does the error rate differ more than groups usually do at "
        rf"the 99\.8 % level: (?P<rate>{N}) % of (?P<calls>{N}) calls, {WHEN}"
        r"(?:; \d groups? without calls)?\."
    ),
    rf"Only \w+ has calls, so no groups to compare: error rate {N} % of {N} calls?, {WHEN}.*\.",
    rf"{RATE} in every group: no limits can be set \((?P<calls>{N}) calls, {WHEN}[^)]*\)\.",
    (
        rf"Of 3 groups by agent, (?P<busiest>\w+) has the most calls \((?P<own_calls>{N}) of "
        rf"(?P<calls>{N}), \d+ %\)(?: and (?:\w+ )?costs the most \(an estimated USD {N} of USD "
        rf"(?P<cost>{N}), \d+ %\))?, {WHEN}\."
    ),
    r"(?:There are no calls in the period; a|A)ll 9 consistency checks passed\.",
    r"1 of 9 consistency checks failed: in \d+ hours?, first .* \(.*\), talk is over 4 h .*\.",
]


def claims_of(kind: str, text: str) -> dict[str, str]:
    """Return the claims of a text by name; a form that is not known fails."""
    for form in FORMS[kind.removesuffix(" of talk")]:
        if found := re.fullmatch(form, text):
            return {name: value for name, value in found.groupdict().items() if value is not None}
    pytest.fail(f"{kind}: the claims of this text are not checked: {text}")
