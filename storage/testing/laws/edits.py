"""`edit`: a draft in a `with` block."""

from __future__ import annotations

from typing import Any, Final

import pytest

from ...errors import ConflictError, ReentryError, WrongTypeError
from ...records import MISSING
from ..clock import Clock
from ..model import exact
from ..threads import elsewhere
from .suite import Suite, expiring, stepping

NO_DRAFTS: Final = (5, 1.5, "text", True, None)


@stepping
class Edits(Suite):
    def test_edit_stores_what_the_block_did(self, store: Any) -> None:
        store.set("k", {"a": 1, "b": {"c": [1]}, "d": 4})

        with store.edit("k") as draft:
            draft["a"] = 2
            draft["b"]["c"].append(2)
            del draft["d"]
            draft["e"] = None

        assert store.get("k") == {"a": 2, "b": {"c": [1, 2]}, "e": None}

    def test_edit_takes_lists(self, store: Any) -> None:
        store.set("k", [1, {"a": 1}])

        with store.edit("k") as draft:
            draft.append(3)
            draft[1]["a"] = 2

        assert store.get("k") == [1, {"a": 2}, 3]

    def test_edit_begins_a_missing_key_as_the_default(self, store: Any) -> None:
        with store.edit("k", default={"n": 1}) as draft:
            draft["m"] = 2

        assert store.get("k") == {"n": 1, "m": 2}

    def test_edit_of_a_missing_key_is_a_key_error(self, store: Any) -> None:
        with pytest.raises(KeyError, match="nobody"), store.edit("nobody"):
            pytest.fail("there is nothing to edit")

        assert not store.has("nobody")
        assert elsewhere(store.get_or_set, "nobody", list) == []

    def test_nothing_is_stored_before_the_block_ends(self, store: Any) -> None:
        store.set("k", {"n": 1})

        with store.edit("k") as draft:
            draft["n"] = 2
            assert store.get("k") == {"n": 1}

        assert store.get("k") == {"n": 2}

    @pytest.mark.parametrize("value", NO_DRAFTS, ids=repr)
    def test_what_is_no_dict_and_no_list_can_not_be_edited(self, store: Any, value: Any) -> None:
        store.set("k", value)
        if value is None and not self.knows_none:
            return

        with pytest.raises(WrongTypeError) as caught, store.edit("k"):
            pytest.fail("there is no draft")

        assert caught.value.key == "k"
        assert caught.value.store
        assert store.update("k", lambda value: [value], default=None) == [value]

    @pytest.mark.parametrize("value", NO_DRAFTS, ids=repr)
    def test_a_default_that_can_not_be_edited_is_refused(self, store: Any, value: Any) -> None:
        with pytest.raises(WrongTypeError), store.edit("k", default=value):
            pytest.fail("there is no draft")

        assert not store.has("k")

    def test_an_error_in_the_block_discards_the_draft(self, store: Any) -> None:
        store.set("k", {"a": [1]})

        with pytest.raises(LookupError, match="of the user"), store.edit("k") as draft:  # noqa: PT012
            draft["a"].append(2)
            raise LookupError("of the user")

        assert store.get("k") == {"a": [1]}
        assert elsewhere(store.update, "k", lambda value: {"a": 2}) == {"a": 2}

    def test_a_draft_that_did_not_change_writes_nothing(self, store: Any) -> None:
        store.set_many({"a": {"x": 1, "y": 2}, "b": {"n": 1}, "c": [1]})

        with store.edit("a") as draft:
            elsewhere(store.set, "a", {"x": 5})
            draft["x"] = draft.pop("x")
        with store.edit("b") as draft:
            elsewhere(store.delete, "b")
            draft["n"] += 1
            draft["n"] -= 1
        with store.edit("new", default={"n": 1}):
            pass

        assert store.get_many(["a", "b", "c", "new"]) == {"a": {"x": 5}, "c": [1]}

    @expiring
    def test_a_draft_that_did_not_change_leaves_the_expiry(self, store: Any, clock: Clock) -> None:
        store.set("k", {"n": 1}, ttl=10)
        self.tick(clock, 4)
        with store.edit("k"):
            pass

        self.assert_ends(store, clock, "k", 6)

    @expiring
    def test_a_key_that_ends_during_the_block_is_a_conflict(self, store: Any, clock: Clock) -> None:
        store.set("k", {"n": 1}, ttl=10)

        with pytest.raises(ConflictError), store.edit("k") as draft:  # noqa: PT012
            draft["n"] = 2
            self.tick(clock, 20)

        assert not store.has("k")

    @pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, False), (0.0, -0.0)])
    def test_a_member_of_another_type_is_a_change(self, store: Any, one: Any, other: Any) -> None:
        store.set("k", {"n": one})

        with store.edit("k") as draft:
            draft["n"] = other

        assert exact(store.get("k")) == exact({"n": other})

    def test_a_draft_is_the_users_own_after_the_block(self, store: Any) -> None:
        store.set("k", {"a": [1]})
        with store.edit("k") as draft:
            draft["a"].append(2)
        draft["a"].append(3)

        assert store.get("k") == {"a": [1, 2]}

    def test_a_block_can_be_left_early(self, store: Any) -> None:
        def visit() -> str:
            with store.edit("k", default={}) as draft:
                draft["n"] = 1
                return "left"

        assert visit() == "left"
        assert store.get("k") == {"n": 1}


@stepping
class Merging(Suite):
    def test_other_members_that_changed_meanwhile_are_kept(self, store: Any) -> None:
        store.set("k", {"ours": 1, "theirs": 1, "removed": 1, "both": 1})
        runs = []

        with store.edit("k") as draft:
            runs.append(1)
            draft["ours"] = 2
            draft["both"] = 2
            draft["our new"] = 1
            elsewhere(store.set, "k", {"ours": 1, "theirs": 2, "both": 2, "their new": 1})

        assert store.get("k") == {
            "ours": 2,
            "theirs": 2,
            "both": 2,
            "our new": 1,
            "their new": 1,
        }
        assert runs == [1]

    def test_a_member_that_we_removed_stays_removed(self, store: Any) -> None:
        store.set("k", {"ours": 1, "theirs": 1})

        with store.edit("k") as draft:
            del draft["ours"]
            elsewhere(store.set, "k", {"ours": 1, "theirs": 2})

        assert store.get("k") == {"theirs": 2}

    @expiring
    def test_a_merge_keeps_the_expiry_that_is_there(self, store: Any, clock: Clock) -> None:
        store.set("k", {"ours": 1}, ttl=100)

        with store.edit("k") as draft:
            draft["ours"] = 2
            store.set("k", {"ours": 1, "theirs": 1}, ttl=10)

        assert store.get("k") == {"ours": 2, "theirs": 1}
        self.assert_ends(store, clock, "k", 10)

    def test_two_who_begin_the_same_key_are_merged(self, store: Any) -> None:
        with store.edit("k", default={}) as draft:
            draft["ours"] = 1
            elsewhere(store.set, "k", {"theirs": 1})

        assert store.get("k") == {"ours": 1, "theirs": 1}

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            ({"n": 2}, {"n": 3}),
            ({"n": 1.0}, {"n": True}),
            ({"n": {"a": 1}}, {"n": {"b": 1}}),
            ({}, {"n": 2}),
            ({"n": 2}, {}),
            ({"n": 1, "m": 1}, {"n": 1, "m": 2}),
            ({"n": 2}, [1]),
            ({"n": 2}, 5),
        ],
        ids=repr,
    )
    def test_a_clash_is_a_conflict_and_nothing_is_written(
        self, store: Any, ours: Any, theirs: Any
    ) -> None:
        store.set("k", {"n": 1})

        with pytest.raises(ConflictError) as caught, store.edit("k") as draft:  # noqa: PT012
            draft.clear()
            draft.update(ours)
            elsewhere(store.set, "k", theirs)

        assert caught.value.key == "k"
        assert caught.value.store
        assert exact(store.get("k")) == exact(theirs)
        assert elsewhere(store.update, "k", lambda value: "free") == "free"

    def test_lists_are_never_merged(self, store: Any) -> None:
        store.set("k", [1])

        with pytest.raises(ConflictError), store.edit("k") as draft:  # noqa: PT012
            draft.append(2)
            elsewhere(store.set, "k", [1, 3])

        assert store.get("k") == [1, 3]

    def test_a_key_removed_meanwhile_is_a_conflict_and_stays_removed(self, store: Any) -> None:
        store.set("k", {"n": 1})

        with pytest.raises(ConflictError) as caught, store.edit("k", default={}) as draft:  # noqa: PT012
            draft["n"] = 2
            elsewhere(store.delete, "k")

        assert caught.value.key == "k"
        assert store.get("k", MISSING) is MISSING

    @pytest.mark.parametrize("inner", ["update", "edit", "get_or_set"])
    def test_a_key_that_is_being_edited_can_not_be_changed_in_there(
        self, store: Any, inner: str
    ) -> None:
        def change() -> None:
            if inner == "update":
                store.update("k", lambda value: value)
            elif inner == "get_or_set":
                store.get_or_set("k", list)
            else:
                with store.edit("k"):
                    pytest.fail("this would be lost")

        with pytest.raises(ReentryError), store.edit("k", default={}) as draft:  # noqa: PT012
            draft["n"] = 1
            change()

        assert not store.has("k")
        assert elsewhere(store.get_or_set, "k", lambda: 1) == 1

    def test_other_keys_can_be_edited_in_there(self, store: Any) -> None:
        store.set_many({"a": {}, "b": {}})

        with store.edit("a") as first, store.edit("b") as second:
            first["n"] = second["n"] = 1

        assert store.get_many([*"ab"]) == {"a": {"n": 1}, "b": {"n": 1}}
