"""What people can ask and tell."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from mitmproxy import exceptions
from mitmproxy import flow as mflow
from mitmproxy.addons.view import View
from mitmproxy.test import taddons, tflow

from forebay import outcome
from forebay.inspect.commands import Commands
from forebay.rewrite.addon import RewriteAddon

RULES = """\
rules:
  - id: one
    response: {set: {X-One: "1"}}
  - id: two
    response: {set: {X-Two: "2"}}
"""


@pytest.fixture(name="context")
def _context():
    with taddons.context(Commands(), View()) as tctx:
        yield tctx


def run(tctx, name, *arguments):
    return tctx.master.commands.call_strings(name, list(arguments))


class Summarised:
    def __init__(self, name, summary, **more):
        self.name, self._summary = name, summary
        vars(self).update(more)

    def summary(self):
        return self._summary


class TestExplain:
    def test_flows_are_told_one_after_the_other(self, context):
        flows = [tflow.tflow(resp=True) for _ in range(2)]
        context.master.addons.get("view").add(flows)
        outcome.begin(flows[0])

        found = run(context, "forebay.explain", "@all")

        first, second = found.split("---\n")
        assert first.startswith("request: GET ")
        assert second.startswith("forebay: ")

    def test_a_query_of_dns_is_told_by_its_outcome(self, context):
        flow = tflow.tdnsflow(err=True)
        assert "nothing is known" in Commands().explain([flow])
        outcome.of(flow)["block"] = {"action": "block", "rule": "x", "list": "own", "line": 2}

        found = Commands().explain([flow])

        assert "kind: dns\ndecided: 'own:2 blocked · error: error'\nerror: error\n" in found

    @pytest.mark.parametrize(("count", "found"), [(0, "found none"), (21, "found 21")])
    def test_how_many_is_bounded(self, context, count, found):
        flows: list[mflow.Flow] = [tflow.tflow() for _ in range(count)]
        with pytest.raises(exceptions.CommandError, match=found):
            Commands().explain(flows)


class TestHosts:
    def test_rules_are_written_to_the_own_list(self, context, tmp_path):
        context.options.add_option("blocklist", bool, True, "")
        context.options.add_option("forebay_home", str, str(tmp_path), "")
        own = tmp_path / "rules" / "blocklists" / "own.txt"

        assert run(context, "forebay.block.host", "a.example") == f"||a.example^ added: {own}:1"
        assert run(context, "forebay.allow.host", "b.example").endswith(f"added: {own}:2")

        assert own.read_text() == "||a.example^\n@@||b.example^\n"
        with pytest.raises(exceptions.CommandError, match="expected a host name"):
            run(context, "forebay.block.host", "no host")

    def test_without_blocking_they_would_have_no_effect(self, context):
        context.options.add_option("blocklist", bool, False, "")
        with pytest.raises(exceptions.CommandError, match="blocklist to be on, found it off"):
            run(context, "forebay.block.host", "a.example")


@contextmanager
def rewriting(tmp_path, **options):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "rewrite.yaml").write_text(RULES)
    other = tmp_path / "other.yaml"
    other.write_text("rules:\n  - id: two\n    response: {set: {X-Other: '2'}}\n")
    rewrite = RewriteAddon()
    with taddons.context(rewrite, rewrite.responses, Commands()) as tctx:
        tctx.configure(
            rewrite,
            forebay_rules=str(shipped),
            forebay_home=str(tmp_path / "home"),
            rewrite_files=[str(other)],
            **options,
        )
        yield tctx, rewrite


def edited(rewrite):
    """Return the fields that rules have set."""
    flow = tflow.tflow(resp=True)
    outcome.begin(flow)
    rewrite.responses.responseheaders(flow)
    return [name for name in flow.response.headers if name.startswith("X-")]


class TestToggle:
    def test_one_rule_goes_off_and_on(self, tmp_path):
        with rewriting(tmp_path) as (tctx, rewrite):
            assert edited(rewrite) == ["X-One", "X-Two", "X-Other"]

            assert run(tctx, "forebay.rules.toggle", "one").endswith("rewrite.yaml:2) is off")
            assert edited(rewrite) == ["X-Two", "X-Other"]
            assert any(" off one " in line for line in run(tctx, "forebay.rewrite.rules"))
            assert run(tctx, "forebay.rules.toggle", "one").endswith("is on")
            assert edited(rewrite) == ["X-One", "X-Two", "X-Other"]

    def test_rules_of_one_name_are_told_apart_by_their_place(self, tmp_path):
        with rewriting(tmp_path) as (tctx, rewrite):
            assert run(tctx, "forebay.rules.ids") == ["one", "rewrite.yaml:4", "other.yaml:2"]

            run(tctx, "forebay.rules.toggle", "other.yaml:2")

            assert edited(rewrite) == ["X-One", "X-Two"]

    def test_a_reload_keeps_it_off(self, tmp_path):
        with rewriting(tmp_path) as (tctx, rewrite):
            run(tctx, "forebay.rules.toggle", "one")

            tctx.configure(rewrite, rewrite_files=[])

            assert edited(rewrite) == ["X-Two"]

    def test_a_rule_that_there_is_not_is_one_clear_line(self, tmp_path):
        with rewriting(tmp_path) as (tctx, _):
            with pytest.raises(exceptions.CommandError, match="Invalid choice"):
                run(tctx, "forebay.rules.toggle", "three")
            with pytest.raises(exceptions.CommandError, match=r"one rule, found rewrite\.yaml:4"):
                Commands().toggle("two")

    def test_without_rewriting_there_is_none(self, context):
        with pytest.raises(exceptions.CommandError, match="rewriting to be on, found it off"):
            run(context, "forebay.rules.ids")


class TestStatus:
    def test_it_is_what_forebay_status_tells(self):
        addons = [
            Summarised("forebay.rewrite", "rewrite off", status=lambda: {"rules": 0}),
            Summarised(
                "forebay.blocklist", "blocklist 3 rules", status=lambda: {"problems": ["x"]}
            ),
        ]
        with taddons.context(Commands(), *addons) as tctx:
            text = run(tctx, "forebay.status")

        assert text.startswith("problems:\n  - 'blocklist: x'\nproxy:\n  version: ")
        assert "\nblocklist:\n  summary: 3 rules\nrewrite:\n  summary: off\n  rules: 0\n" in text


def test_mitmweb_can_call_all_of_them(context):
    """Its address for commands knows lower case and dots only."""
    names = [name for name in context.master.commands.commands if name.startswith("forebay.")]

    assert len(names) == 6
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz.") for name in names)
