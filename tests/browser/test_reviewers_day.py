"""A reviewer's day, with the keyboard, and what happens when two people work on one account."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from moderation.effects import Effects
from tests.browser.cast import audit_sample, raised
from tests.browser.conftest import LONG_NAME, PASSWORD, Served, Visitor
from tests.contract.samples import partition

pytestmark = pytest.mark.slow
Open = Callable[..., Visitor]
Shot = Callable[[Page, str], None]
GROUND = "Nine accounts praise one shop from one hosting network within minutes; rule 4 (n?)."


def test_a_day_with_the_keyboard(served: Served, visitor: Open, screenshot: Shot) -> None:
    ana = visitor()
    page = ana.page
    page.goto(f"{served.address}/")
    page.fill("#name", "ana")
    page.fill("#password", "not the password")
    page.press("#password", "Enter")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    ana.sign_in("ana")
    expect(page.locator("tbody tr")).to_have_count(9)
    page.keyboard.press("j")
    page.keyboard.press("j")
    screenshot(page, "queue")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keys").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")

    page.locator("body").press("n")
    expect(page.get_by_role("heading", level=1)).to_contain_text("sunny-kitchen")
    expect(page.get_by_text("Decide about 4 open flags")).to_be_visible()
    expect(page.get_by_text("post deleted since")).to_have_count(1)
    expect(page.get_by_text("does not hold for a real platform's accounts")).to_be_visible()
    expect(page.locator("#happened")).to_be_visible()
    assert blur(page) != "none"
    page.keyboard.press("b")
    assert blur(page) == "none"
    screenshot(page, "account")
    page.keyboard.press("p")
    # The first request loads the detector.
    expect(page.locator("#passages-1 [role=status]")).to_contain_text("what the score depends on", timeout=60_000)
    page.locator("#sides").scroll_into_view_if_needed()
    page.locator("#linked").evaluate("one => one.scrollIntoView({block: 'end'})")
    screenshot(page, "behaviour")
    page.locator("#neighbours").scroll_into_view_if_needed()
    expect(page.locator("svg.neighbours circle.flagged")).to_have_count(5)
    page.locator("#gaps").evaluate("one => one.scrollIntoView({block: 'end'})")
    screenshot(page, "follows")
    page.keyboard.press("1")
    page.keyboard.type(GROUND)
    expect(page.locator("#ground")).to_have_value(GROUND)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("Recorded: confirmed, about sunny-kitchen")
    expect(page.get_by_role("heading", level=1)).to_contain_text("happy-basket-4")

    page.locator("body").press("u")
    expect(page.get_by_role("status")).to_contain_text("The decision is withdrawn")
    expect(page.get_by_role("heading", level=1)).to_contain_text("sunny-kitchen")
    page.keyboard.press("2")
    page.keyboard.type("A second look: one person with four kitchens.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("happy-basket-4")
    page.locator("body").press("s")
    page.keyboard.type("I know this person")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("happy-basket-3")
    page.locator("body").press("h")
    page.keyboard.type("Waiting for an answer of the author")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("happy-basket-2")
    page.locator("body").press("q")
    expect(page.locator("tbody tr")).to_have_count(6)
    page.get_by_label("Show").select_option("held")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "view=held" in page.url


def test_of_two_people_on_one_account_the_second_loses_no_word(served: Served, visitor: Open, screenshot: Shot) -> None:
    ana, sam = visitor(), visitor()
    ana.sign_in("ana")
    sam.sign_in("sam")
    ana.page.keyboard.press("n")
    ana.page.wait_for_url("**/accounts/*")
    sam.page.goto(ana.page.url)
    expect(sam.page.get_by_text("ana reviews it until")).to_be_visible()
    expect(sam.page.get_by_text("Also here: ana")).to_be_visible()
    expect(sam.page.locator("#decision")).to_have_count(0)
    sam.page.keyboard.press("r")
    sam.page.wait_for_url("**/queue")
    sam.page.goto(ana.page.url)
    for person, words in ((sam, "Seen by a senior."), (ana, "My own words, which took a while.")):
        person.page.keyboard.press("1")
        person.page.keyboard.type(words)
    with sam.page.expect_navigation():
        sam.page.keyboard.press("Control+Enter")
    ana.page.keyboard.press("Control+Enter")
    expect(ana.page.get_by_role("alert")).to_contain_text("Nothing was recorded; your words are still here.")
    expect(ana.page.get_by_role("alert")).to_contain_text("Reviewer 2 (senior) recorded “confirmed”")
    screenshot(ana.page, "conflict")
    expect(ana.page.get_by_text("Seen by a senior.")).to_be_visible()
    expect(ana.page.get_by_label("Your words")).to_have_value("My own words, which took a while.")


def blur(page: Page) -> str:
    """The filter that lies over the first text."""
    return str(page.locator(".text").first.evaluate("one => getComputedStyle(one).filter"))


def test_one_decision_for_a_campaign_leaves_out_who_was_cleared_and_is_undone_once(
    served: Served, visitor: Open, screenshot: Shot
) -> None:
    sam = visitor()
    sam.sign_in("sam")
    page = sam.page
    page.get_by_role("link", name="happy-basket-3").click()
    page.wait_for_url("**/accounts/*")
    page.keyboard.press("2")
    page.keyboard.type("A cook with four kitchens.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("Recorded: not a violation")
    claim = served.store.claim("main", "one", [partition()])
    served.store.commit(claim, Effects(flags=[raised("again", "happy-basket-3", "Hello again!", 0.9996)]))
    page.goto(f"{served.address}/queue")
    page.get_by_role("link", name="sunny-kitchen").click()
    page.get_by_role("link", name="Decide about this account and its linked accounts").click()
    expect(page.get_by_role("note")).to_contain_text("1 of these accounts was cleared by a person before")
    expect(page.get_by_label("Cover happy-basket-3")).not_to_be_checked()
    expect(page.get_by_label("Cover sunny-kitchen")).to_be_checked()
    require_accessible(page)
    page.keyboard.press("1")
    page.keyboard.type("One text on one address, five accounts; rule 4.")
    screenshot(page, "bulk")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("Recorded about 4 accounts.")
    expect(page.locator("tbody tr")).to_have_count(5)
    page.keyboard.press("u")
    expect(page.get_by_role("status")).to_contain_text("the flags of 4 accounts are open again")


def test_a_question_to_a_senior_is_answered_by_one(served: Served, visitor: Open) -> None:
    ana, sam = visitor(), visitor()
    ana.sign_in("ana")
    ana.page.keyboard.press("n")
    ana.page.wait_for_url("**/accounts/*")
    asked = ana.page.url
    ana.page.keyboard.press("e")
    ana.page.keyboard.type("Is this the bakery from last year?")
    ana.page.keyboard.press("Enter")
    expect(ana.page.get_by_role("status")).to_contain_text("A senior decides about sunny-kitchen")
    sam.sign_in("sam")
    sam.page.goto(f"{served.address}/queue?view=escalated")
    expect(sam.page.locator("tbody tr")).to_have_count(1)
    sam.page.goto(asked)
    expect(sam.page.get_by_text("Is this the bakery from last year?")).to_be_visible()
    expect(sam.page.locator("#decision")).to_be_visible()


def test_blind_review_hides_the_score_and_feeds_the_quality_page(
    served: Served, visitor: Open, screenshot: Shot
) -> None:
    served.store.commit(served.store.claim("main", "one", [partition()]), audit_sample())
    ana = visitor()
    ana.sign_in("ana")
    page = ana.page
    page.get_by_role("link", name="Blind review").click()
    for number in range(12):
        expect(page.locator(".text")).to_be_visible()
        expect(page.get_by_text("risk")).to_have_count(1 if number else 0)
        page.keyboard.press("b")
        if number == 0:
            screenshot(page, "blind")
            require_accessible(page)
        key = "1" if "delivery" in page.locator(".text").inner_text() else "2"
        page.keyboard.down(key)
        expect(page.get_by_role("status")).to_contain_text("The model:")
        page.keyboard.down(key)  # held: what a keyboard repeats gives no verdict about the next post
        page.keyboard.up(key)
    expect(page.get_by_text("No post of the audit sample waits for you")).to_be_visible()
    page.get_by_role("link", name="Quality", exact=True).click()
    expect(page.get_by_text("0 of 4")).to_be_visible()
    expect(page.get_by_text("at most 1 in")).to_be_visible()
    require_accessible(page)
    screenshot(page, "quality")
    page.get_by_role("link", name="Steering").click()
    expect(page.get_by_text("input method keyboard")).to_be_visible()
    require_accessible(page)
    screenshot(page, "steering")


def test_own_keys_and_a_reminder_of_a_break(served: Served, visitor: Open) -> None:
    ana = visitor()
    ana.sign_in("ana")
    page = ana.page
    page.get_by_role("link", name="ana reviewer").click()
    page.get_by_label("Next account").fill("x")
    page.get_by_label("Search").last.fill("")
    page.get_by_label("Minutes until you are reminded").fill("20")
    require_accessible(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    page.keyboard.press("q")
    expect(page.get_by_role("button", name="Next account")).to_contain_text("x")
    page.keyboard.press("?")
    expect(page.locator("#key-list")).to_contain_text("Open the next account")
    expect(page.locator("#key-list")).not_to_contain_text("Search")
    page.keyboard.press("Escape")
    expect(page.locator("#break")).to_be_hidden()
    worked = "localStorage.setItem('moderation-started', Date.now() - 25 * 60000)"
    page.evaluate(f"{worked}; localStorage.setItem('moderation-seen', Date.now())")
    page.keyboard.press("x")
    page.wait_for_url("**/accounts/*")
    expect(page.get_by_text("You have reviewed for 25 minutes.")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#break")).to_be_hidden()

    page.clock.install()
    page.goto(f"{served.address}/own")
    page.route(
        "**/own", lambda route: route.fulfill(status=204)
    )  # a response that leads nowhere, as one that is stopped
    page.get_by_role("button", name="Save").click()
    page.unroute("**/own")
    page.clock.fast_forward(10_000)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()


def test_hostile_posts_are_text(served: Served, visitor: Open, screenshot: Shot) -> None:
    ana = visitor()
    ana.sign_in("ana")
    ana.page.get_by_role("link", name="bold").click()
    expect(ana.page.get_by_role("heading", level=1)).to_contain_text("<b>boldU+202Eevil</b>")
    expect(ana.page.locator(".text")).to_contain_text("<script>window.pwned = 1</script>")
    expect(ana.page.locator(".text .unseen")).to_have_count(4)
    ana.page.keyboard.press("b")
    screenshot(ana.page, "hostile")
    assert ana.page.evaluate("window.pwned") is None
    ana.page.goto(f"{served.address}/queue")
    ana.page.get_by_role("link", name="long-writer").click()
    ana.page.get_by_role("link", name="Show all").click()
    expect(ana.page.locator(".text")).to_contain_text("All work and no play")
    assert len(ana.page.locator(".text").inner_text()) > 1_000_000


def test_an_open_queue_shows_new_flags_and_keeps_the_chosen_row(served: Served, visitor: Open) -> None:
    ana = visitor()
    ana.sign_in("ana")
    ana.page.keyboard.press("j")
    expect(ana.page.locator("tr.chosen")).to_contain_text("sunny-kitchen")
    claim = served.store.claim("main", "one", [partition()])
    served.store.commit(claim, Effects(flags=[raised("new", "just-arrived", "Hello!", 0.99999)]))
    expect(ana.page.get_by_role("link", name="just-arrived")).to_be_visible(timeout=60_000)
    expect(ana.page.locator("tr.chosen")).to_contain_text("sunny-kitchen")
    ana.page.keyboard.press("Enter")
    expect(ana.page.get_by_role("heading", level=1)).to_contain_text("sunny-kitchen")


def test_words_outlive_a_session_that_ends_while_they_are_written(served: Served, visitor: Open) -> None:
    ana = visitor()
    ana.sign_in("ana")
    ana.page.keyboard.press("n")
    ana.page.wait_for_url("**/accounts/*")
    ana.page.keyboard.press("1")
    ana.page.keyboard.type("Words that took a while.")
    ana.page.context.clear_cookies()
    expect(ana.page.get_by_role("link", name="Sign in in another tab")).to_be_visible(timeout=60_000)
    expect(ana.page.locator("#ground")).to_have_value("Words that took a while.")
    with ana.page.context.expect_page() as opened:
        ana.page.get_by_role("link", name="Sign in in another tab").click()
    tab = opened.value
    tab.fill("#name", "ana")
    tab.fill("#password", PASSWORD)
    tab.press("#password", "Enter")
    tab.wait_for_url("**/queue")
    ana.page.locator("#ground").press("Control+Enter")
    expect(ana.page.get_by_role("status")).to_contain_text("Recorded: confirmed")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 640, 320], ids=["wide", "zoom-200", "zoom-400"])
def test_pages_are_accessible_and_fit(served: Served, visitor: Open, scheme: str, width: int) -> None:
    sam = visitor(width, 800, scheme)
    sam.page.goto(f"{served.address}/sign-in")
    require_accessible(sam.page)
    sam.sign_in(LONG_NAME)
    require_accessible(sam.page)
    served.store.commit(served.store.claim("main", "one", [partition()]), audit_sample())
    account = sam.page.locator("tbody a").first.get_attribute("href")
    reviewing = ("/bulk", "/blind", "/quality", "/steering", "/own", "/find?account=delivery")
    for path in (account, *reviewing, "/audit", "/api", "/nothing"):
        sam.page.goto(f"{served.address}{path}")
        require_accessible(sam.page)


def require_accessible(page: Page) -> None:
    """No finding of axe that is serious or critical, and nothing to scroll sideways."""
    found = Axe().run(page).response["violations"]
    serious = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found if one["impact"] != "minor"]
    assert serious == [], page.url
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, page.url
