"""The figures of conf/base are those of their sources; the laws of the other tests read conf/base.

[doc] the project's initial document, [law] statute, [obs] public logs, [assume] chosen for the
yardsticks: docs/generator.md.
"""

import pytest
from tests.oracle.walk import PROBABILITIES
from tools.distributions.samples import PROFILES, base_profile

MINUTE, OFFICE_HOUR, OFFICE_DAY = "minutes", "office_hours", "office_days"
SEGMENTS = {
    "radicated_to_classified": (3, 0.9, OFFICE_HOUR),
    "classified_to_assigned": (2, 0.9, OFFICE_HOUR),
    "assigned_to_in_progress": (8, 0.8, OFFICE_HOUR),
    "on_hold": (8, 0.8, "calendar_days"),
    "closed_to_reopened": (5, 0.6, OFFICE_DAY),
    "reopened_to_in_progress": (4, 0.8, OFFICE_HOUR),
    "closed_to_archived": (5, 0.5, OFFICE_DAY),
}
CLOSING = {"documento_v1": (1, 0.8, OFFICE_DAY), "ley1755": (2, 0.8, OFFICE_DAY)}
# Radication, first reply, attachments.
CHANNELS = {
    "email": ((3.5, 0.9, OFFICE_HOUR), (1.2, 0.9, OFFICE_DAY), 0.55),
    "webform": ((2, 0.8, MINUTE), (1.2, 0.9, OFFICE_DAY), 0.45),
    "chat": ((2, 0.8, MINUTE), (6, 1.0, MINUTE), 0.12),
    "call": ((10, 0.6, MINUTE), None, 1.0),
}
TYPES = {
    "documento_v1": {
        "PETICION": (0.30, 15),
        "QUEJA": (0.25, 10),
        "RECLAMO": (0.30, 8),
        "SUGERENCIA": (0.15, 20),
    },
    "ley1755": {
        "PETICION": (0.59, 15),
        "SOLICITUD_INFORMACION": (0.09, 10),
        "CONSULTA": (0.025, 30),
        "QUEJA": (0.09, 15),
        "RECLAMO": (0.13, 15),
        "SUGERENCIA": (0.025, 15),
        "DENUNCIA": (0.025, 15),
        "FELICITACION": (0.025, 15),
    },
}
MONTHS = (1.02, 1.05, 1.05, 0.98, 1.03, 0.99, 1.04, 1.05, 1.03, 1.04, 0.96, 0.78)
WEB_WEEK = (1.26, 1.13, 1.27, 1.18, 0.93, 0.62, 0.61)
OFFICE_WEEK = (1.33, 1.55, 1.47, 1.39, 1.26, 0, 0)
CHAT_WEEK = (1.2, 1.2, 1.2, 1.2, 1.1, 0.6, 0.5)
OFFICE_HOURS = (0.013, 0.074, 0.127, 0.144, 0.131, 0.102, 0.082, 0.122, 0.131, 0.057, 0.010)
WEB_HOURS = (
    0.016, 0.008, 0.004, 0.002, 0.002, 0.001, 0.003, 0.008, 0.016, 0.044, 0.062, 0.073,
    0.070, 0.074, 0.079, 0.072, 0.074, 0.057, 0.060, 0.067, 0.072, 0.061, 0.047, 0.028,
)  # fmt: skip
EMAIL_MIX = (0.6, 0.4)  # office, web

both_profiles = pytest.mark.parametrize("name", PROFILES)


def normalised(weights: tuple[float, ...]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def mixed(office: tuple[float, ...], web: tuple[float, ...]) -> list[float]:
    """The e-mail's profile: 60 % of the office's, 40 % of the web's."""
    pairs = zip(normalised(office), normalised(web), strict=True)
    return [EMAIL_MIX[0] * first + EMAIL_MIX[1] * second for first, second in pairs]


@both_profiles
def test_types_have_the_shares_and_terms_of_their_source(name: str):
    types = base_profile(name).types
    assert {k: (t.share, t.term_business_days) for k, t in types.items()} == TYPES[name]


@both_profiles
def test_priorities_and_channels_have_the_documents_shares(name: str):
    profile = base_profile(name)
    assert profile.priority == {"ALTA": 0.10, "MEDIA": 0.50, "BAJA": 0.40}
    document = {"email": 38, "webform": 31, "chat": 14, "call": 11}
    for channel, share in document.items():
        assert profile.channels[channel].share == pytest.approx(share / 94, abs=5e-5)


@both_profiles
def test_volume_and_peaks_are_the_documents(name: str):
    volume, peaks = base_profile(name).volume, base_profile(name).peaks
    assert (volume.per_day, volume.yearly_growth, volume.dispersion) == (1150, 0.12, 70)
    assert (volume.holiday, volume.after_holiday, volume.month) == (0.40, 1.15, MONTHS)
    assert (peaks.every_days, peaks.days, peaks.per_day) == (90, (5, 10), (3000, 4000))


@both_profiles
@pytest.mark.parametrize(
    ("channel", "week", "hours"),
    [
        pytest.param("webform", normalised(WEB_WEEK), normalised(WEB_HOURS), id="webform"),
        pytest.param(
            "call",
            normalised(OFFICE_WEEK),
            normalised((*[0] * 7, *OFFICE_HOURS, *[0] * 6)),
            id="call",
        ),
        pytest.param(
            "email",
            mixed(OFFICE_WEEK, WEB_WEEK),
            mixed((*[0] * 7, *OFFICE_HOURS, *[0] * 6), WEB_HOURS),
            id="email",
        ),
    ],
)
def test_weeks_and_days_have_the_profiles_of_the_public_logs(
    channel: str, week: list[float], hours: list[float], name: str
):
    found = base_profile(name).channels[channel]
    assert normalised(found.weekday) == pytest.approx(week, abs=2e-3)
    assert normalised(found.hour) == pytest.approx(hours, abs=2e-4)


@both_profiles
def test_chats_have_office_hours_stretched_to_the_evening(name: str):
    chat = base_profile(name).channels["chat"]
    assert chat.weekday == CHAT_WEEK
    assert [hour for hour, weight in enumerate(chat.hour) if weight] == list(range(7, 20))
    # The eleven hours of the office, told over thirteen: equal shares at equal parts of the way.
    office = [0.0]
    for weight in normalised(OFFICE_HOURS):
        office.append(office[-1] + weight)
    for hour in range(7, 20):
        part = (hour + 1 - 7) / 13 * 11
        whole = min(int(part), 10)
        expected = office[whole] + (part - whole) * (office[whole + 1] - office[whole])
        # The profile interpolates between the hours in another way: within a point.
        assert sum(normalised(chat.hour)[: hour + 1]) == pytest.approx(expected, abs=0.01)


@both_profiles
def test_durations_have_the_documented_medians_and_spreads(name: str):
    segments = base_profile(name).segments
    expected = SEGMENTS | {"responded_to_closed": CLOSING[name]}
    for segment, facts in expected.items():
        law = getattr(segments, segment)
        assert (law.median, law.sigma, law.unit) == facts, segment


@both_profiles
def test_channels_have_the_documented_radication_reply_and_attachments(name: str):
    for channel, (radication, reply, attached) in CHANNELS.items():
        found = base_profile(name).channels[channel]
        for law, facts in ((found.radication, radication), (found.first_reply, reply)):
            assert (law and (law.median, law.sigma, law.unit)) == facts, channel
        assert found.attachment_share == attached


@both_profiles
def test_transitions_resolutions_and_response_are_the_documented_ones(name: str):
    profile = base_profile(name)
    branching = {origin: to for origin, to in PROBABILITIES.items() if len(to) > 1}
    assert profile.transitions == branching
    shares = profile.resolutions
    assert (shares.transfer, shares.repeated, shares.extension) == (0.06, 0.01, 0.04)
    assert shares.extension_from_quantile == 0.7
    response = profile.response
    assert (response.sigma, response.hurry_until) == (0.55, 1.25)
    assert (response.hurry_share, response.hurry_slope) == (0.5, 0.3)


def test_the_clock_stops_at_closed_by_the_document_and_at_the_answer_by_law():
    assert base_profile("documento_v1").stop_status == "CLOSED"
    assert base_profile("ley1755").stop_status == "RESPONDED"
