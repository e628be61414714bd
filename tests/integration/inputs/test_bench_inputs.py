"""`wireroom bench inputs` publishes every article in every way, polls every feed, and tells the ratios."""

from tests.commands import Wireroom


async def test_it_tells_the_ratio_of_each_way() -> None:
    answer = await Wireroom({})("bench", "inputs", "--articles", "100", "--rounds", "1", "--feeds", "30", "--json")
    [told] = answer.lines
    assert [each["way"] for each in told["inputs"]] == ["HTTP, one by one", "HTTP, in hundreds", "WARC"]
    for each in told["inputs"]:
        assert each["ratio"] == each["ours"] / each["bare"]
        assert each["ours"] > 0
    feeds = told["feeds"]
    assert feeds["feeds"] == 30
    assert feeds["polls_a_minute"] > 0
    assert feeds["unchanged_a_minute"] > 0
