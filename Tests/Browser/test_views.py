"""The views: webapps with their chart, the log, and places where there is nothing, nothing yet or an error."""

import re
from datetime import UTC, datetime, timedelta

from conftest import URL, wait_until
from playwright.sync_api import expect


def test_a_webapp_with_its_chart_tags_and_builds(visit):
    here = visit(address="#/webapps/app-example")
    page = here.page
    expect(page.locator(".facts")).to_contain_text("v7.0.0")
    expect(page.locator(".chart .mark.version").first).to_be_visible()
    expect(page.locator(".chart .mark.succeeded").first).to_be_attached()
    expect(page.get_by_role("row", name=re.compile(r"^v1\.2\.2"))).to_be_visible()
    expect(page.locator(".chips")).to_contain_text("latest")
    expect(page.locator(".rows")).to_contain_text("v1.3.0")
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("cell", name="build succeeded").first).to_be_visible()
    here.check_access()
    page.get_by_text("The same as a table").click()
    assert page.locator(".fact dd").evaluate_all("all => all.every(one => one.textContent !== '0')")
    page.get_by_role("button", name="1 h", exact=True).click()
    expect(page.get_by_role("button", name="1 h", exact=True)).to_have_attribute("aria-pressed", "true")


def test_the_chart_of_a_busy_month(visit):
    here = visit(address="#/webapps/app-example")
    page = here.page
    page.route(re.compile("/history"), lambda route: route.fulfill(json=month()))
    page.reload()
    chart = page.locator(".picture")
    expect(chart.locator(".mark.version")).to_have_count(14)
    expect(chart.locator(".mark.succeeded")).to_have_count(14)
    expect(chart.locator(".mark.failed")).to_have_count(3)
    expect(chart.locator(".mark.cancelled")).to_have_count(1)
    expect(page.locator("figcaption")).to_contain_text("14 versions and 18 builds of app-example, 3 of them failed")
    chart.locator(".mark.failed").first.hover()
    expect(page.locator(".readout")).to_contain_text("failed after")
    here.check_access()
    here.picture("webapp")
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("cell", name="build failed")).to_have_count(3)


def month():
    """A history with a version every other day, and some builds that came to nothing."""
    now = datetime.now(UTC)
    versions, builds = [], []
    for age in range(14):
        made = now - timedelta(days=2 * age + 0.3, hours=5 * (age % 3))
        tag = f"v6.{13 - age}.0"
        versions.append({"tag": tag, "createdAt": made.isoformat(), "digest": "sha256:" + f"{age:x}" * 64})
        statuses = ["succeeded", "failed"] if age % 5 == 2 else ["succeeded", "cancelled"] if age == 6 else ["succeeded"]
        for number, status in enumerate(statuses):
            seconds = 70 + 13 * (age * 7 % 5) - 40 * number
            ended = made + timedelta(minutes=1) - timedelta(hours=7 * number)
            builds.append({"id": f"build-app-example-v6-{13 - age}-{number}", "tag": tag, "status": status,
                           "createdAt": (ended - timedelta(seconds=seconds)).isoformat(), "finishedAt": ended.isoformat(),
                           "durationSeconds": seconds})
    return {"webapp": "app-example", "since": (now - timedelta(days=30)).isoformat(), "versions": versions, "builds": builds}


def test_what_is_not_there_says_so_and_what_to_do(visit):
    here = visit(address="#/builds/build-never-was")
    here.expects("404 /builds/build-never-was(/logs)?")
    page = here.page
    expect(page.get_by_text("This build is not known any more")).to_be_visible()
    page.get_by_role("link", name="To the webapps").click()
    expect(page.get_by_role("row", name="app-example")).to_be_visible()
    page.goto(f"{URL}/#/no/such/place")
    expect(page.get_by_text("There is no such page")).to_be_visible()


def test_failing_and_loading_places(visit):
    here = visit()
    here.expects("502 /webapps(/app-one)?")
    page = here.page
    problem = {"status": 502, "code": "registry_error", "message": "the registry answered the catalog with 500"}
    page.route(f"{URL}/webapps", lambda route: route.fulfill(status=502, json=problem))
    page.reload()
    expect(page.get_by_text("The registry answered the catalog with 500.")).to_be_visible()
    expect(page.locator("#state")).to_contain_text("Live")
    here.check_access()
    here.picture("error")
    # The button stays the same, and so keeps focus, while nothing has changed.
    page.get_by_role("button", name="Try again").focus()
    page.evaluate("refresh()")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    page.unroute(f"{URL}/webapps")
    known = {"webapps": ["app-one"], "source": "builds", "message": "the registry allows no catalog"}
    page.route(f"{URL}/webapps", lambda route: route.fulfill(json=known))
    page.route(f"{URL}/webapps/app-one", lambda route: route.fulfill(status=502, json=problem))
    page.get_by_role("button", name="Try again").click()
    row = page.locator("[data-name=app-one]")
    expect(row).to_contain_text("not known: the registry answered")
    expect(page.get_by_text("Only webapps that were built lately are listed")).to_be_visible()

    # What is known already stays, and is said to be old.
    page.unroute(f"{URL}/webapps/app-one")
    page.route(f"{URL}/webapps/app-one", lambda route: route.fulfill(json=overview_of("app-one")))
    page.evaluate("webapps.want('app-one', 0)")
    expect(row.locator(".latest")).to_have_text("v1.2.3")
    page.unroute(f"{URL}/webapps/app-one")
    page.unroute(f"{URL}/webapps")
    page.route(re.compile("/webapps(/app-one)?$"), lambda route: route.fulfill(status=502, json=problem))
    page.evaluate("webapps.want('app-one', 0); webapps.load()")
    expect(row.locator(".latest")).to_have_text("v1.2.3not current: the registry answered the catalog with 500")
    expect(page.get_by_text("The list is not current: the registry answered the catalog with 500.")).to_be_visible()
    here.check_access()
    here.picture("old")
    page.unroute(re.compile("/webapps(/app-one)?$"))

    page.route(f"{URL}/webapps", lambda route: None)
    page.route(f"{URL}/events", lambda route: None)
    page.reload()
    expect(page.locator(".skeleton").first).to_be_visible()
    expect(page.locator("#state")).to_contain_text("Connecting")
    here.check_access()
    here.picture("loading")


def overview_of(webapp):
    return {"webapp": webapp, "repository": f"webapp/{webapp}", "latest": "v1.2.3", "digest": None, "createdAt": None, "size": None,
            "count": 1, "next": {"patch": "v1.2.4", "minor": "v1.3.0", "major": "v2.0.0"}, "inFlight": [], "usualDurationSeconds": None}


def test_a_builder_that_cannot_be_asked_is_told_of(visit):
    here = visit()
    page = here.page
    expect(page.locator("#state")).to_contain_text("Live")
    events = 'event: builds\ndata: {"builds": []}\n\nevent: trouble\ndata: {"message": "the cluster does not answer"}\n\n'
    page.evaluate("events => { feed.stop(); feed.move('live'); new EventParser((name, data) => feed.event(name, JSON.parse(data))).take(events); }", events)
    expect(page.locator("#state")).to_contain_text("Builder silent, as of")
    expect(page.locator("#notice")).to_have_text("The builder cannot be asked: the cluster does not answer.")
    here.check_access()
    here.picture("trouble", full=False)


def test_a_connection_that_is_open_and_silent_is_left(visit):
    here = visit()
    page = here.page
    page.clock.install()
    page.reload()
    expect(page.locator("#state")).to_contain_text("Live")
    asked = sum(url.endswith("/events") for url in here.requests)
    with page.expect_request("**/events"):
        # Three heartbeats are missing.
        page.clock.fast_forward(45_000)
        page.clock.fast_forward(10_000)
    expect(page.locator("#state")).to_contain_text("Live")
    assert sum(url.endswith("/events") for url in here.requests) > asked


def test_what_is_pushed_is_at_no_step_any_more(visit):
    page = visit().page
    text = lambda phase: page.evaluate("phase => stepText({phase, progress: {step: 4, steps: 4, instruction: 'CMD a'}})", phase)
    assert [text(phase) for phase in ("building", "pushing", "verifying")] == ["Step 4 of 4", "Pushing", "Verifying"]


def running(build):
    return {"id": build, "webapp": "app-example", "tag": "v1.0.0", "status": "running", "done": False, "message": "m",
            "createdAt": "2026-01-01T00:00:00Z", "platforms": [], "phases": [], "git": {"url": "u"}, "image": "i"}


def test_a_log_that_was_begun_anew_is_told_from_one_that_goes_on(visit):
    here = visit()
    page = here.page
    page.route(f"{URL}/builds/build-turned", lambda route: route.fulfill(json=running("build-turned")))
    # Three connections that break, and one that ends. A route answers as a whole, so the page is given other answers.
    page.evaluate("""() => {
      const texts = ['first\\nsec', 'first\\nsecond\\n', 'fifth\\nsix', 'fifth\\nsixth\\nseventh\\n'];
      const asked = window.fetch;
      window.fetch = (address, options) => {
        if (!String(address).endsWith('/logs?follow=true')) return asked(address, options);
        const text = texts.shift();
        const start = (stream) => {
          stream.enqueue(new TextEncoder().encode(text));
          setTimeout(() => (texts.length ? stream.error(new TypeError('broken')) : stream.close()), 100);
        };
        return Promise.resolve(new Response(new ReadableStream({start})));
      };
      location.hash = '#/builds/build-turned';
    }""")
    expect(page.locator(".logstate")).to_contain_text("End of the log")
    assert page.locator(".line .text").all_inner_texts() == [
        "first", "second", "Lines are missing here: the log was begun anew while the connection was lost.",
        "fifth", "sixth", "seventh"]


def test_a_tab_that_nobody_looks_at_gives_its_connections_back(visit):
    here = visit(address="#/builds/build-hidden")
    here.expects("404 /builds/build-hidden(/logs)?")
    page = here.page
    page.clock.install()
    page.route(f"{URL}/builds/build-hidden", lambda route: route.fulfill(json=running("build-hidden")))
    # A log that goes on, and one request for it at a time.
    page.route(f"{URL}/builds/build-hidden/logs?follow=true", lambda route: None)
    page.reload()
    state = page.locator("#state")
    expect(state).to_contain_text("Live")
    kinds = ("/events", "/logs?follow=true")
    asked = lambda: [sum(url.endswith(kind) for url in here.requests) for kind in kinds]
    # The page's clock goes on while the test looks, so the page itself sees to it that nothing rests much too early.
    page.evaluate("setTimeout(() => { tab.restedEarly = tab.rests; }, 55_000)")
    here.hide(True)
    page.clock.run_for(30_000)
    expect(state).to_contain_text("Live")
    page.clock.run_for(32_000)
    expect(state).to_contain_text("Paused, as of")
    assert page.evaluate("tab.restedEarly") is False
    expect(page.locator(".logstate")).to_contain_text("when this tab is looked at")
    # Whatever was asked for until it rested has been seen once the answer to a later request is here.
    page.evaluate("async () => { await fetch('healthz'); }")
    before = asked()
    page.clock.run_for(120_000)
    assert asked() == before
    here.hide(False)
    expect(state).to_contain_text("Live")
    after = [count + 1 for count in before]
    wait_until(page, lambda: asked() == after)
    page.wait_for_timeout(300)
    assert asked() == after


def test_five_hundred_webapps_are_asked_for_as_they_are_seen(visit):
    here = visit(token=None)
    page = here.page
    names = [f"app-{number:03}" for number in range(500)]
    page.route(f"{URL}/caller", lambda route: route.fulfill(json={"name": None, "scopes": ["read"]}))
    page.route(f"{URL}/webapps", lambda route: route.fulfill(json={"webapps": names, "source": "registry", "message": None}))
    page.route(re.compile("/webapps/app-"), lambda route: route.fulfill(json=overview_of("app")))
    page.route(f"{URL}/events", lambda route: route.fulfill(content_type="text/event-stream", body='event: builds\ndata: {"builds": []}\n\n'))
    page.reload()
    expect(page.locator("[data-name=app-000]")).to_contain_text("v1.2.3")
    page.wait_for_timeout(300)
    asked = {url for url in here.requests if "/webapps/app-" in url}
    assert 0 < len(asked) < 100, len(asked)
    page.get_by_label("Filter webapps").fill("499")
    expect(page.locator("[data-name=app-499]")).to_contain_text("v1.2.3")
    expect(page.get_by_text("1 of 500")).to_be_visible()


def test_a_log_looks_as_in_a_terminal(visit):
    here = visit()
    here.start("app-colours")
    page, log = here.page, here.page.locator(".log")
    expect(page.locator(".logstate")).to_contain_text("End of the log")
    expect(log.locator(".f1", has_text="red")).to_be_visible()
    assert "bold" in log.get_by_text("strong", exact=True).get_attribute("class")
    expect(log.get_by_text("orange", exact=True)).to_have_css("color", "rgb(255, 135, 0)")
    expect(log.get_by_text("dim", exact=True)).to_have_class("dim")
    lines = log.locator(".text").all_text_contents()
    # What carriage returns have overwritten is gone, and so are other escapes; markup is text.
    assert "#9 100% done" in lines and not any("55%" in line for line in lines)
    assert "#9 <b>not markup</b> & such" in lines
    assert any(line.endswith("quiet") for line in lines) and not any("\x1b" in line or "title" in line for line in lines)
    page.get_by_label("Search the log").fill("#9")
    expect(page.locator(".matches")).to_have_text("1 of 3")
    page.keyboard.press("Enter")
    expect(page.locator(".matches")).to_have_text("2 of 3")
    expect(log.locator("mark")).to_have_count(3)
    page.get_by_role("button", name="Previous match").click()
    page.get_by_role("button", name="Previous match").click()
    expect(page.locator(".matches")).to_have_text("3 of 3")
    here.check_access(("dark",))
    here.picture("log-search")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert "\x1b[31mred" in download.value.path().read_text()


def test_a_long_log_stays_quick(visit):
    here = visit()
    page = here.page
    # Processor time of the page itself: what passes by the clock tells of the machine's other work, too.
    devtools = here.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = busy(devtools)
    here.start("app-long")
    expect(page.locator(".badge.succeeded")).to_be_visible()
    expect(page.locator(".logstate")).to_contain_text(re.compile("End of the log, 20,0.. lines"))
    page.get_by_label("Search the log").fill("needle")
    expect(page.locator(".matches")).to_have_text("1 of 1")
    expect(page.locator("mark.current")).to_be_in_viewport()
    # The address is for what was chosen, not for each key.
    assert "/L" not in page.url
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/L\d+$"))
    line = re.search(r"/L(\d+)$", page.url)[1]
    spent = busy(devtools) - before
    assert 0 < spent < 6, f"reading and searching took {spent} s"
    assert page.locator(".log .line").count() < 3000
    # The link leads to the line, in a tab that was not there.
    page.reload()
    expect(page.locator(f"#L{line}.target")).to_be_in_viewport()
    expect(page.locator(f"#L{line}")).to_contain_text("needle")
    page.get_by_role("button", name="Wrap").click()
    page.get_by_label("Search the log").fill(":7")
    page.keyboard.press("Enter")
    expect(page.locator("#L7.target")).to_be_in_viewport()


def busy(devtools):
    """Seconds of processor time that the page has used."""
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def test_of_a_log_without_end_the_newest_lines_are_kept(visit):
    page = visit().page
    kept = page.evaluate("""async () => {
        const view = new LogView('none', '#/builds/none');
        // Beside what the page shows, which is drawn anew.
        document.body.append(view.element);
        const text = Array.from({length: 130_000}, (_, index) => `line ${index + 1}`).join('\\n') + '\\n';
        await view.take(text);
        view.render();
        const {log, loss, scroller} = view;
        const last = () => [...scroller.querySelectorAll('.text')].at(-1)?.textContent;
        // Lines get their elements once the browser has told what is seen.
        for (let round = 0; round < 1200 && last() !== 'line 130000'; round++) await pause(100);
        return {count: log.count, held: log.lines.length, told: loss.textContent, hidden: loss.hidden, last: last(),
            shown: scroller.querySelectorAll('.line').length, first: log.at(log.dropped + 1).text, dropped: log.dropped};
    }""")
    assert kept["count"] == 130_000 and 100_000 <= kept["held"] <= 102_000
    assert kept["first"] == f"line {kept['dropped'] + 1}"
    assert not kept["hidden"] and "lines are not kept" in kept["told"]
    assert kept["last"] == "line 130000" and kept["shown"] < 3000


def test_searching_a_long_log_ends_and_survives_lines_that_go(visit):
    page = visit().page
    told = page.evaluate("""async () => {
        const view = new LogView('none', '#/builds/none');
        // Beside what the page shows, which is drawn anew.
        document.body.append(view.element);
        const lines = (count) => Array.from({length: count}, (_, index) => `row ${index}`).join('\\n') + '\\n';
        await view.take(lines(101_000));
        view.render();
        view.follow(false);
        view.scroller.scrollTop = 0;
        await pause(300);
        // Lines have gone that still have elements.
        view.log.add(lines(2000));
        view.find('row');
        view.refill();
        view.reveal(5);
        const told = [view.count.textContent, view.matches.length < 12_000, view.matches[0][0] > view.log.dropped];
        view.log.add(lines(3000));
        view.render();
        told.push(view.matches[0][0] > view.log.dropped);
        view.search.value = 'row 17';
        view.search.dispatchEvent(new Event('input'));
        return [...told, view.query];
    }""")
    assert told == ["1 of more than 10,000", True, True, True, "row"]
    expect(page.locator(".matches")).to_have_text(re.compile(r"1 of \d"))
