import HTTPTransport
import HTTPTypes
import KubernetesStandIn
import Testing

@testable import KubernetesClient

@Suite("A reflector keeps a copy up to date, whatever happens to its watches", .timeLimit(.minutes(5)))
struct ReflectorTests {
    /// Runs a reflector until it has taken in everything that the server has for it.
    private func run(
        _ server: ReflectedServer, clock: LeapingClock = LeapingClock(longest: .seconds(31)),
        selector: LabelSelector? = nil, also: @escaping @Sendable (Reflector<Job>.Change) -> Void = { _ in }
    ) async throws -> ReflectedCopy {
        var limits = KubernetesClient.Limits()
        // Beyond what the clock leaps over: deadlines do not pass here.
        limits.call = .seconds(3600)
        let reflector = try client(server, clock: clock, limits: limits).jobReflector(matching: selector)
        let copy = ReflectedCopy()
        let task = Task {
            await reflector.run { change in
                copy.apply(change)
                also(change)
            }
        }
        try await server.isWaiting.wait()
        task.cancel()
        await task.value
        #expect(server.openBodies == 0)
        return copy
    }

    @Test("it lists, watches from there, and goes on after a watch that ended in its time without a word")
    func life() async throws {
        let server = ReflectedServer(
            .list("10", tinyJob("a", 4), tinyJob("b", 9)),
            .watch(event("ADDED", tinyJob("c", 11)), event("MODIFIED", tinyJob("a", 12)), bookmark(20)),
            .watch(event("DELETED", tinyJob("b", 21))),
            .watch(event("MODIFIED", tinyJob("c", 22)), end: .silent))
        let clock = LeapingClock()
        let copy = try await run(server, clock: clock, selector: try LabelSelector(["webapp": "app-example"]))
        #expect(server.asked == ["list", "watch 10", "watch 20", "watch 21"])
        #expect(
            copy.log == [
                "listed a,b", "connected", "changed c 11", "changed a 12", "removed b 21", "changed c 22",
            ])
        #expect(copy.objects == ["a": "12", "c": "22"])
        #expect(clock.waits == [])
        for request in server.requests {
            let query = decodedQuery(request.url.pathAndQuery)
            #expect(query.contains { $0 == ("labelSelector", "webapp=app-example") })
        }
    }

    @Test("watches last 240 to 300 seconds, not all the same")
    func timeouts() async throws {
        let watches = (1...40).map { ScriptedAnswer.watch(bookmark(10 + $0)) }
        let server = ReflectedServer([.list("10")] + watches)
        _ = try await run(server)
        let seconds = server.requests.dropFirst().compactMap { request in
            decodedQuery(request.url.pathAndQuery).first { $0.0 == "timeoutSeconds" }.flatMap { Int($0.1) }
        }
        #expect(seconds.count == 41)
        #expect(seconds.allSatisfy { (240...300).contains($0) })
        #expect(Set(seconds).count > 5)
        #expect(server.requests.dropFirst().allSatisfy { $0.limits.idle == .seconds(90) })
    }

    @Test("a connection that broke is taken up from the last version, and what is unknown until then is told")
    func dropped() async throws {
        let server = ReflectedServer(
            .list("10"), .watch(event("ADDED", tinyJob("a", 11)), end: .broken), .lost,
            .refused(503, "ServiceUnavailable"),
            .refused(429, "TooManyRequests"), .watch(event("MODIFIED", tinyJob("a", 12)), end: .silent))
        let copy = try await run(server)
        #expect(server.asked == ["list", "watch 10", "watch 11", "watch 11", "watch 11", "watch 11"])
        #expect(
            copy.log == [
                "listed ", "connected", "changed a 11", "interrupted unreachable", "interrupted unreachable",
                "interrupted unavailable", "interrupted too_many_requests", "connected", "changed a 12",
            ])
    }

    @Test("waits grow while watches fail, are random, and begin anew after one that told something")
    func backOff() async throws {
        let lost = Array(repeating: ScriptedAnswer.lost, count: 12)
        let answers = [.list("10")] + lost + [.watch(bookmark(11), end: .broken), .lost]
        let server = ReflectedServer(answers)
        let clock = LeapingClock(longest: .seconds(31))
        _ = try await run(server, clock: clock)
        #expect(clock.waits.count == 14)
        var backOff = BackOff()
        for wait in clock.waits.prefix(12) {
            #expect(wait <= backOff.bound)
            _ = backOff.next()
        }
        #expect(backOff.bound == BackOff.longest)
        #expect(clock.waits[12] <= .milliseconds(100))
        #expect(clock.waits[13] <= .milliseconds(200))
    }

    @Test("a wait is random between nothing and its bound, which doubles from 0.1 s to 30 s")
    func jitter() {
        var backOff = BackOff()
        var bounds: [Duration] = []
        for _ in 0..<11 {
            bounds.append(backOff.bound)
            _ = backOff.next()
        }
        #expect(bounds == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map { .milliseconds(100) * $0 })
        let waits = (0..<1000).map { _ in backOff.next() }
        #expect(waits.allSatisfy { (.zero ... .seconds(30)).contains($0) })
        #expect(waits.contains { $0 < .seconds(3) } && waits.contains { $0 > .seconds(27) })
        #expect(backOff.next(asked: .seconds(3600)) == .seconds(30))
        backOff.reset()
        #expect(backOff.next(asked: .seconds(7)) == .seconds(7))
        #expect(backOff.bound == .milliseconds(200))
    }

    @Test("the API server's wish to be left alone is granted, up to half a minute", arguments: [(7, 7), (86_400, 30)])
    func retryAfter(_ asked: Int, _ waited: Int) async throws {
        let clock = LeapingClock(longest: .seconds(31))
        let server = ReflectedServer(
            .list("10"), .refused(429, "TooManyRequests", retryAfter: asked), .watch(bookmark(11), end: .silent))
        _ = try await run(server, clock: clock)
        #expect(clock.waits == [.seconds(waited)])
    }

    @Test("a watch that lived is as good as one that told something", arguments: [(990, 1), (1000, 0)])
    func lived(_ milliseconds: Int, _ interruptions: Int) async throws {
        let clock = LeapingClock(longest: .seconds(31))
        let server = ReflectedServer(
            .list("10"), ScriptedAnswer(pieces: [[0x0A]]), .watch(bookmark(11), end: .silent))
        let copy = try await run(server, clock: clock) { change in
            if case .connected = change { clock.advance(by: .milliseconds(milliseconds)) }
        }
        #expect(copy.log.count { $0 == "interrupted unavailable" } == interruptions)
        #expect(server.asked == ["list", "watch 10", "watch 10"])
    }

    @Test("watches that end at once, again and again, are no storm")
    func storm() async throws {
        let watches = Array(repeating: ScriptedAnswer.watch(bookmark(10)), count: 20)
        let clock = LeapingClock(longest: .seconds(31))
        let server = ReflectedServer([.list("10")] + watches)
        let copy = try await run(server, clock: clock)
        #expect(clock.waits.count == 20)
        #expect(clock.waits.reduce(.zero, +) > .seconds(10))
        #expect(copy.log.contains("interrupted unavailable"))
    }

    static let beyondCure: [(ScriptedAnswer, String)] = [
        (.watch(event("ERROR", statusDocument(410, "Expired")), end: .silent), "expired"),
        (.refused(410, "Expired"), "expired"), (.refused(410, "Gone"), "expired"),
        (.refused(504, "Timeout"), "timeout"), (.refused(500, "InternalError"), "server_failure"),
        (.refused(403, "Forbidden"), "forbidden"), (ScriptedAnswer(status: 404), "malformed_answer"),
        (.watch(event("ERROR", statusDocument(500, "InternalError")), end: .silent), "server_failure"),
        (ScriptedAnswer(pieces: [Array("<html>\n".utf8)], end: .silent), "malformed_answer"),
        (.watch(event("MODIFIED", ["metadata": ["name": "a"]]), end: .silent), "malformed_answer"),
        (.watch(event("SOMETHING", tinyJob("a", 12)), end: .silent), "malformed_answer"),
        // Back to an earlier version goes only a listing.
        (.watch(event("MODIFIED", tinyJob("a", 9)), end: .silent), "malformed_answer"),
        (.watch(event("MODIFIED", ["metadata": ["name": "a"], "spec": [:]]), end: .silent), "malformed_answer"),
    ]

    @Test("what may be about the version leads to a new listing", arguments: 0..<beyondCure.count)
    func listedAnew(_ index: Int) async throws {
        let (answer, code) = Self.beyondCure[index]
        let server = ReflectedServer(
            .list("10", tinyJob("a", 10), tinyJob("b", 5)), answer, .list("30", tinyJob("a", 20)),
            .watch(event("MODIFIED", tinyJob("a", 31)), end: .silent))
        let copy = try await run(server)
        #expect(server.asked == ["list", "watch 10", "list", "watch 30"])
        #expect(
            copy.log.filter { $0 != "connected" } == [
                "listed a,b", "interrupted \(code)", "listed a", "changed a 31",
            ])
        #expect(copy.log.suffix(2).first == "connected")
        #expect(copy.objects == ["a": "31"])
    }

    @Test("an event that repeats the last version is taken again, one between is not lost")
    func repeated() async throws {
        let server = ReflectedServer(
            .list("10"),
            .watch(
                event("ADDED", tinyJob("a", 11)), event("MODIFIED", tinyJob("a", 11)), bookmark(11),
                event("MODIFIED", tinyJob("a", 12)), end: .silent))
        let copy = try await run(server)
        #expect(copy.log.suffix(3) == ["changed a 11", "changed a 11", "changed a 12"])
    }

    @Test("a listing that fails is tried until it succeeds, with growing waits")
    func failingList() async throws {
        let refusals = Array(repeating: ScriptedAnswer.refused(403, "Forbidden"), count: 8)
        let server = ReflectedServer(
            refusals + [.list("10", tinyJob("a", 3)), .watch(end: .silent)])
        let clock = LeapingClock(longest: .seconds(31))
        let copy = try await run(server, clock: clock)
        #expect(
            copy.log == Array(repeating: "interrupted forbidden", count: 8) + ["listed a", "connected"])
        #expect(clock.waits.count == 8)
        #expect(clock.waits.reduce(.zero, +) > .seconds(1))
    }

    static let standstills: [(String, [ScriptedAnswer])] = [
        ("the listing", []), ("the head of the watch", [.list("10")]),
        ("the next event", [.list("10"), .watch(bookmark(11), end: .silent)]),
        ("the rest of an event", [.list("10"), ScriptedAnswer(pieces: [Array("{\"ty".utf8)], end: .silent)]),
    ]

    @Test("cancelled while it waits, it returns at once and leaves nothing open", arguments: 0..<standstills.count)
    func cancelled(_ index: Int) async throws {
        let answers = Self.standstills[index].1
        let copy = try await run(ReflectedServer(answers))
        #expect(!copy.log.contains { $0.hasPrefix("interrupted") })
    }

    @Test("cancelled while it waits to come back, or while a change is applied, it tells nothing more")
    func cancelledBetween() async throws {
        let server = ReflectedServer(.list("10"), .lost)
        // Waits beyond the shortest last for ever on this clock.
        let clock = LeapingClock(longest: .zero - .seconds(1))
        let copy = ReflectedCopy()
        let reflector = try client(server, clock: clock).jobReflector()
        let task = Task { await reflector.run { copy.apply($0) } }
        while copy.log.count < 2 { await Task.yield() }
        task.cancel()
        await task.value
        #expect(copy.log == ["listed ", "interrupted unreachable"])

        let busy = ReflectedServer(
            .list("10"), .watch(bookmark(11), event("ADDED", tinyJob("a", 12)), event("ADDED", tinyJob("b", 13))))
        let second = ReflectedCopy()
        let other = try client(busy).jobReflector()
        await Task {
            await other.run { change in
                second.apply(change)
                if case .changed = change { withUnsafeCurrentTask { $0?.cancel() } }
            }
        }.value
        #expect(second.log == ["listed ", "connected", "changed a 12"])
        #expect(busy.openBodies == 0)
    }
}
