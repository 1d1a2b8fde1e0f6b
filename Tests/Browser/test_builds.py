"""Builds, from the page: started, watched, failing, tried again, cancelled; and what is seen when the service is away."""

import re

from conftest import READ_TOKEN, TOKEN, URL, order, wait_until
from playwright.sync_api import expect


def test_first_paint_is_one_request_of_less_than_100_kilobytes(visit):
    page = visit(token=None).page
    document = page.evaluate("performance.getEntriesByType('navigation')[0].decodedBodySize")
    assert 10_000 < document < 100_000
    others = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.initiatorType)")
    assert set(others) <= {"fetch"}, others


def test_before_anything_was_built(visit):
    here = visit()
    page = here.page
    page.route(f"{URL}/webapps", lambda route: route.fulfill(json={"webapps": [], "source": "registry", "message": None}))
    page.reload()
    expect(page.get_by_text("No webapps yet")).to_be_visible()
    expect(page.get_by_text("Nothing builds")).to_be_visible()
    expect(page.locator("#state")).to_contain_text("Live")
    here.check_access()
    here.picture("empty")


def test_a_build_from_its_start_to_its_digest(visit):
    here, other = visit(), visit()
    here.start("app-steps")
    page = here.page
    expect(page.locator(".live .steps")).to_have_text("Step 2 of 4")
    expect(page.locator(".live code")).to_have_text("COPY package.json package-lock.json ./")
    # Whoever looks on sees it too, without asking again.
    card = other.page.locator(".card", has_text="app-steps")
    expect(card.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "building, step 2 of 4")
    expect(other.page).to_have_title(re.compile(r"^\(1\)"))
    order("open steps-third")
    expect(page.locator(".live .steps")).to_have_text("Step 4 of 4")
    expect(page.locator(".log")).to_contain_text("added 412 packages")
    expect(card).to_contain_text("Step 4 of 4")
    here.picture("build-running")
    here.check_access()
    other.picture("overview-running")
    other.check_access()
    order("open steps-push")
    expect(page.locator(".badge.succeeded")).to_be_visible()
    digest = page.locator(".fact", has_text="Digest").locator("code")
    answer = page.request.get(f"{URL}/builds/build-app-steps-v1-0-0", headers={"Authorization": f"Bearer {TOKEN}"}).json()
    assert re.fullmatch("sha256:[0-9a-f]{64}", answer["digest"])
    expect(digest).to_have_attribute("title", answer["digest"])
    expect(page.locator(".timeline")).to_contain_text("Build")
    expect(page.locator(".logstate")).to_contain_text("End of the log")
    here.picture("build-succeeded")
    row = other.page.get_by_role("row", name="app-steps")
    expect(row.locator(".latest")).to_have_text("v1.0.0")
    expect(row.locator(".minor")).to_have_text("v1.1.0")
    # Each has asked for the events once.
    assert sum(url.endswith("/events") for url in other.requests) == 1


def test_a_build_that_fails_says_why_and_is_tried_again(visit):
    here = visit()
    here.start("app-bad")
    page = here.page
    expect(page.locator(".badge.failed")).to_be_visible()
    expect(page.locator(".verdict")).to_contain_text("npm ci")
    expect(page.locator(".log")).to_contain_text("npm error code E404")
    here.picture("build-failed")
    here.check_access()
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("app-bad v1.0.1")
    expect(page.locator(".badge.succeeded")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_hidden()


def test_cancelling_asks_first(visit):
    here = visit()
    # Its Job may be gone before anybody asks again.
    here.expects("404 /builds/build-app-endless-v1-0-0.*")
    here.start("app-endless")
    page = here.page
    cancel = page.get_by_role("button", name="Cancel app-endless")
    cancel.click()
    page.get_by_role("button", name="Let it build").click()
    expect(page.locator("dialog")).to_have_count(0)
    expect(cancel).to_be_focused()
    cancel.click()
    page.get_by_role("button", name="Cancel the build").click()
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("main")).to_contain_text(re.compile("Cancelled|not known any more"))


def test_the_connection_is_lost_and_comes_again(visit):
    here = visit()
    here.expects("error: Failed to load resource: net::ERR_(INCOMPLETE_CHUNKED_ENCODING|CONNECTION_.*|INTERNET_DISCONNECTED|EMPTY_RESPONSE)")
    here.start("app-slow")
    page, state = here.page, here.page.locator("#state")
    expect(page.locator(".live .steps")).to_have_text("Step 2 of 4")
    expect(state).to_contain_text("Live")
    order("stop")
    expect(state).to_contain_text(re.compile(r"(Reconnecting|Offline), as of \d\d:\d\d:\d\d"))
    # A build must not seem to go on while nobody knows.
    elapsed = page.locator(".live .figure")
    stopped = elapsed.text_content()
    page.wait_for_timeout(2100)
    assert elapsed.text_content() == stopped
    here.context.set_offline(True)
    expect(state).to_contain_text("Offline, as of")
    expect(page.locator("#notice")).to_contain_text("What is shown is old")
    here.picture("offline")
    here.check_access()
    here.context.set_offline(False)
    order("start")
    expect(state).to_contain_text("Live")
    expect(page.locator("#notice")).to_be_hidden()
    order("open slow-third")
    expect(page.locator(".live .steps")).to_have_text("Step 4 of 4")
    order("open slow-push")
    expect(page.locator(".badge.succeeded")).to_be_visible()
    # The log went on where it broke off: nothing is there twice.
    expect(page.locator(".logstate")).to_contain_text("End of the log")
    lines = page.locator(".log .text").all_text_contents()
    assert sum("RUN npm ci" in line for line in lines) == 1 and sum("COPY package.json" in line for line in lines) == 1


def test_a_token_is_asked_for_and_kept_in_the_tab_only(visit):
    here = visit(token=None)
    page = here.page
    field = page.get_by_label("Token")
    expect(field).to_be_focused()
    here.picture("token")
    here.check_access()
    field.fill("wrong-token-0123456789")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    field.fill(TOKEN)
    field.press("Enter")
    expect(page.locator("#state")).to_contain_text("Live")
    expect(page.locator("#who")).to_contain_text("n8n")
    assert TOKEN not in page.content() and TOKEN not in page.url
    assert page.evaluate("localStorage.length === 0 && document.cookie === ''")
    page.reload()
    expect(page.locator("#state")).to_contain_text("Live")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    expect(page.locator("table")).to_have_count(0)
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()


def test_whoever_may_only_read_is_offered_nothing_else(visit):
    here = visit(token=READ_TOKEN)
    page = here.page
    expect(page.get_by_role("row", name="app-example")).to_contain_text("v1.2.3")
    expect(page.locator("#who")).to_contain_text("read only")
    expect(page.get_by_role("button", name="Build")).to_have_count(0)
    page.goto(f"{URL}/#/builds/build-app-bad-v1-0-0")
    expect(page.locator(".badge.failed")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Retry|Cancel"))).to_have_count(0)


def test_everything_goes_without_a_mouse(visit):
    here = visit()
    page, keys = here.page, here.page.keyboard
    row = page.get_by_role("row", name="app-example")
    expect(row).to_contain_text("v1.2.3")
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keys.press("Enter")
    expect(page.locator("main")).to_be_focused()
    keys.press("/")
    keys.type("exam")
    expect(page.get_by_role("row", name=re.compile("app-"))).to_have_count(1)
    focused = page.locator(":focus")
    for _ in range(12):
        keys.press("Tab")
        outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline == "solid", "focus can be seen wherever it is"
        if (focused.get_attribute("aria-label") or "").startswith("Build app-example"):
            break
    keys.press("Enter")
    dialog = page.get_by_role("dialog", name="Build app-example")
    expect(dialog.get_by_label("Patch")).to_be_focused()
    expect(dialog).to_contain_text("v1.3.0")
    here.picture("start", full=False)
    here.check_access()
    keys.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Build app-example")).to_be_focused()
    keys.press("Enter")
    keys.press("ArrowDown")
    keys.press("Enter")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("app-example v1.3.0")
    expect(page.locator(".badge.succeeded")).to_be_visible()


def test_an_exact_version_and_what_the_service_says_to_it(visit):
    here = visit()
    here.expects("409 /builds")
    page = here.page
    page.get_by_role("button", name="Build app-example").click()
    page.get_by_label("Exact version").fill("v1.2.3")
    page.get_by_role("button", name="Start the build").click()
    expect(page.get_by_role("alert")).to_contain_text("v1.2.3")
    page.get_by_label("Exact version").fill("v7.0.0")
    page.get_by_label("Branch, tag or commit").fill("main")
    page.get_by_role("button", name="Start the build").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("app-example v7.0.0")


def test_who_has_left_a_dialog_is_told_and_not_taken_along(visit):
    here = visit()
    page, held = here.page, []
    page.get_by_role("button", name="Build app-example").click()
    page.evaluate("location.hash = '#/webapps/app-example'")
    # A dialog belongs to the view that it was opened in.
    expect(page.locator("dialog")).to_have_count(0)
    page.goto(f"{URL}/#/")
    page.route(f"{URL}/builds", lambda route: held.append(route))
    page.get_by_role("button", name="Build app-example").click()
    page.get_by_role("button", name="Start the build").click()
    expect(page.get_by_role("button", name="Not now")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    wait_until(page, lambda: held)
    held[0].fulfill(status=202, json={
        "id": "build-other", "webapp": "app-example", "tag": "v9.0.0", "status": "queued", "done": False, "message": "waits",
        "createdAt": "2026-01-01T00:00:00Z", "platforms": [], "phases": [], "git": {"url": "u"}, "image": "i"})
    expect(page.locator("#said")).to_have_text("Build of app-example v9.0.0 started")
    assert page.url.endswith("#/")


def test_answers_to_a_former_caller_are_for_nobody(visit):
    here = visit()
    here.expects("401 /webapps/app-example")
    page, held = here.page, []
    expect(page.get_by_role("row", name="app-example")).to_contain_text(re.compile(r"v\d"))
    page.route(f"{URL}/webapps/app-example", lambda route: held.append(route))
    page.evaluate("webapps.want('app-example', 0); webapps.want('app-steps', 0)")
    wait_until(page, lambda: held)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Token").fill(READ_TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator("#who")).to_contain_text("grafana")
    # A late refusal is not one of the new token, and a late answer is not stored.
    held[0].fulfill(status=401, json={"status": 401, "code": "unauthorized", "message": "late"})
    page.wait_for_timeout(300)
    expect(page.locator("#who")).to_contain_text("grafana")
    assert not page.evaluate("[...webapps.details.values()].some(({error}) => error?.message === 'late')")


def test_what_ended_while_the_connection_was_away_is_told(visit):
    here = visit()
    page = here.page
    expect(page.locator("#state")).to_contain_text("Live")
    told = page.evaluate("""async () => {
        feed.stop();
        const build = {id: 'build-mine', webapp: 'app-example', tag: 'v8.0.0', status: 'running', done: false, message: 'm', createdAt: 'c',
            platforms: [], phases: [], git: {}};
        const other = {...build, id: 'build-other', tag: 'v8.0.1'};
        const touched = [];
        webapps.touched = (name) => touched.push(name);
        builds.started.add('build-mine');
        builds.known = new Map([build, other, {...build, id: 'build-forgotten', webapp: 'app-gone'}].map((each) => [each.id, each]));
        const ended = {status: 'succeeded', done: true};
        builds.replace([{...build, ...ended}, {...other, ...ended}]);
        await pause(200);
        return [one('#said').textContent, touched];
    }""")
    assert told == ["Build of app-example v8.0.0 succeeded", ["app-example", "app-example", "app-gone"]]
