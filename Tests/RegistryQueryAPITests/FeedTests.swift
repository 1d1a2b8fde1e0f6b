import Builds
import FoundationEssentials
import HTTPTransport
import NIOCore
import OCIDistribution
import SemanticVersions
import Synchronization
import Testing

@testable import RegistryQueryAPI

/// What all who look on are told: see ``BuildFeed``.
struct FeedTests {
    /// Snapshots that a test sends, and how often they were asked for.
    private final class Source: Sendable {
        typealias Stream = AsyncThrowingStream<[Build], any Error>

        private let state = Mutex<(streams: [Stream.Continuation], ended: Int)>(([], 0))
        var asked: Int { state.withLock { $0.streams.count } }
        var ended: Int { state.withLock { $0.ended } }

        func make() -> Stream {
            let (stream, sink) = Stream.makeStream()
            sink.onTermination = { _ in self.state.withLock { $0.ended += 1 } }
            state.withLock { $0.streams.append(sink) }
            return stream
        }

        func send(_ builds: [Build]) { _ = state.withLock { $0.streams.last }?.yield(builds) }
        func fail(_ error: any Error) { state.withLock { $0.streams.last }?.finish(throwing: error) }
    }

    /// What a listener has been told, event by event.
    private struct Told: Equatable, CustomStringConvertible {
        var name: String
        var data: JSONValue
        var description: String { "\(name) \(data)" }

        static func all(in text: ByteBuffer) throws -> [Told] {
            try String(buffer: text).split(separator: "\n\n").map { event in
                let lines = event.split(separator: "\n")
                try #require(lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "))
                return Told(
                    name: String(lines[0].dropFirst(7)), data: try JSONParser.parse(Array(lines[1].dropFirst(6).utf8)))
            }
        }
    }

    private func listen(_ feed: BuildFeed, _ source: Source, streams: Int = 1) async throws -> BuildFeed.Listener {
        let listener = feed.listen()
        try await eventually("the builder is asked") { source.asked == streams }
        return listener
    }

    /// What comes next for a listener.
    private func next(_ listener: BuildFeed.Listener) async throws -> [Told] {
        let told = Mutex<[Told]>([])
        try await eventually("something is told") {
            let events = try Told.all(in: listener.take())
            told.withLock { $0 += events }
            return !events.isEmpty
        }
        return told.withLock { $0 }
    }

    private static func build(_ number: Int, _ status: Build.Status = .running) throws -> Build {
        let webapp = try WebappName("app")
        let version = try #require(VersionTag("v1.0.\(number)"))
        let image = try ImageReference("registry.example/webapp/app:\(version.tag)")
        let created = Date(timeIntervalSince1970: 1_763_841_600 + Double(number))
        var build = Build(
            id: BuildID(webapp: webapp, repository: image.repository, version: version.version), webapp: webapp,
            version: version, image: image, status: status, message: "-",
            git: GitSource(url: "https://git.example/x.git", ref: "main", commit: nil, subdirectory: "app"),
            createdAt: created)
        if status.isFinal { (build.startedAt, build.finishedAt) = (created, created.addingTimeInterval(1)) }
        return build
    }

    @Test("tells everything first, then what has changed, and what is gone")
    func tellsChanges() async throws {
        let source = Source()
        let feed = BuildFeed { source.make() }
        let listener = try await listen(feed, source)
        #expect(listener.take().readableBytes == 0)
        var (first, second) = (try Self.build(1), try Self.build(2))
        source.send([second, first])
        let all = try await next(listener)
        #expect(all.map(\.name) == ["builds"])
        #expect(all[0].data["builds"].count == 2 && all[0].data["builds"][0]["id"] == .text(second.id))
        first.phase = .pushing
        source.send([second, first])
        var news = try await next(listener)
        #expect(news.map(\.name) == ["build"] && news[0].data["phase"] == "pushing")
        let third = try Self.build(3)
        second.status = .failed
        source.send([third, second])
        news = try await next(listener)
        #expect(news.map(\.name) == ["gone", "build", "build"])
        #expect(news[0].data == ["id": .text(first.id)])
        #expect(news[1].data["status"] == "failed" && news[2].data["id"] == .text(third.id))
        listener.leave()
    }

    @Test("that builds usually take longer now is no news of those that have ended")
    func leavesEndedAlone() async throws {
        let source = Source()
        let feed = BuildFeed { source.make() }
        let listener = try await listen(feed, source)
        var (ended, running) = (try Self.build(1, .succeeded), try Self.build(2))
        source.send([running, ended])
        _ = try await next(listener)
        (ended.usualDuration, running.usualDuration) = (.seconds(9), .seconds(9))
        source.send([running, ended])
        let news = try await next(listener)
        #expect(news.count == 1 && news[0].data["id"] == .text(running.id))
        #expect(news[0].data["usualDurationSeconds"] == .number("9.0"))
        listener.leave()
    }

    @Test("shows all that have not ended and the newest 200")
    func boundsWindow() async throws {
        let source = Source()
        let feed = BuildFeed { source.make() }
        let listener = try await listen(feed, source)
        let old = [try Self.build(2), try Self.build(1, .succeeded)]
        let builds = try (10..<300).reversed().map { try Self.build($0, .succeeded) } + old
        source.send(builds)
        let shown = try await next(listener)[0].data["builds"]
        #expect(shown.count == 201 && shown[200]["id"] == .text(old[0].id))
        // One more, and the oldest that was shown is not any more.
        source.send([try Self.build(300, .succeeded)] + builds)
        let news = try await next(listener)
        #expect(news.map(\.name) == ["gone", "build"] && news[0].data["id"] == .text(builds[199].id))
        listener.leave()
    }

    @Test("all who listen share one look at the builder, which ends with the last of them")
    func sharesOneLook() async throws {
        let source = Source()
        let feed = BuildFeed { source.make() }
        #expect(!feed.isRunning && source.asked == 0)
        let first = try await listen(feed, source)
        source.send([try Self.build(1)])
        _ = try await next(first)
        let others = (0..<99).map { _ in feed.listen() }
        for other in others { #expect(try Told.all(in: other.take()).map(\.name) == ["builds"]) }
        source.send([try Self.build(2), try Self.build(1)])
        for listener in others + [first] { #expect(try await next(listener).map(\.name) == ["build"]) }
        #expect(source.asked == 1 && feed.isRunning)
        for other in others { other.leave() }
        #expect(feed.isRunning && source.ended == 0)
        first.leave()
        first.leave()
        #expect(!feed.isRunning)
        try await eventually("the builder is not asked any more") { source.ended == 1 }
        // Who comes then is not told what was known then.
        let late = try await listen(feed, source, streams: 2)
        #expect(late.take().readableBytes == 0)
        late.leave()
    }

    @Test("a reader who does not keep up gets everything as it is instead of all that was")
    func boundsMailbox() async throws {
        let source = Source()
        let feed = BuildFeed { source.make() }
        let (slow, fast) = (try await listen(feed, source), feed.listen())
        var build = try Self.build(1)
        source.send([build])
        #expect(try await next(slow).map(\.name) == ["builds"])
        _ = try await next(fast)
        for step in 1...(BuildFeed.mostWaiting + 5) {
            build.message = "step \(step)"
            source.send([build])
            #expect(try await next(fast).last?.data["message"] == .string(build.message))
        }
        let told = try await next(slow)
        #expect(told.map(\.name) == ["builds"] && told[0].data["builds"][0]["message"] == .string(build.message))
        build.message = "done"
        source.send([build])
        #expect(try await next(slow).map(\.name) == ["build"])
        for listener in [slow, fast] { listener.leave() }
    }

    @Test("tells once that the builder cannot be asked, without secrets, and everything when it can be again")
    func tellsTrouble() async throws {
        struct Down: Error {}
        let (source, clock) = (Source(), StillClock())
        let feed = BuildFeed(clock: clock) { source.make() }
        let listener = try await listen(feed, source)
        let build = try Self.build(1)
        source.send([build])
        _ = try await next(listener)
        let error = BuildsError(.builderUnavailable, "the disk is gone")
        source.fail(error)
        #expect(try await next(listener) == [Told(name: "trouble", data: ["message": "the disk is gone"])])
        // Who comes meanwhile is told what was known last, and that it is old.
        let late = feed.listen()
        #expect(try Told.all(in: late.take()).map(\.name) == ["builds", "trouble"])
        for (asked, pause) in [(2, 1), (3, 2)] {
            try await eventually("a pause") { clock.sleeperCount == 1 }
            clock.advance(by: .seconds(pause))
            try await eventually("another try") { source.asked == asked }
            if asked == 2 { source.fail(error) }
        }
        #expect(listener.take().readableBytes == 0, "the same trouble is told once")
        source.send([build])
        for listener in [listener, late] { #expect(try await next(listener).map(\.name) == ["builds"]) }
        source.fail(Down())
        let unforeseen = try await next(listener)
        #expect(
            unforeseen.map(\.name) == ["trouble"] && unforeseen[0].data["message"].string?.contains("Down") == false)
        // Who comes before anything is known is told the trouble alone.
        for listener in [listener, late] { listener.leave() }
        let first = try await listen(feed, source, streams: 4)
        source.fail(error)
        #expect(try await next(first).map(\.name) == ["trouble"])
        first.leave()
    }

    @Test("the look belongs to no request, though the first listener's began it")
    func belongsToNobody() async throws {
        let seen = Mutex<[Correlation?]>([])
        let source = Source()
        let feed = BuildFeed {
            seen.withLock { $0.append(Correlation.current) }
            return source.make()
        }
        let listener = try await Correlation.$current.withValue(Correlation(requestID: "first")) {
            try await listen(feed, source)
        }
        let found = seen.withLock { $0 }
        #expect(found == [nil])
        listener.leave()
    }

    // MARK: Over HTTP

    @Test("the stream begins at once, says that it lives, and tells of builds")
    func streams() async throws {
        try await TestService.run(.with(\.heartbeat, .milliseconds(50))) { service in
            let connection = try Connection(port: service.port)
            defer { connection.close() }
            await connection.send(service.request("GET", "/events"))
            var seen = try await connection.read(until: "event: builds\ndata: {\"builds\":[]}\n\n")
            #expect(seen.lowercased().contains("content-type: text/event-stream"))
            #expect(seen.lowercased().contains("x-accel-buffering: no"), "a proxy must not keep events back")
            seen += try await connection.read(until: ": still here\n\n")
            let id = try await service.startBuild("app")
            let news = try await connection.read(until: "\"webapp\":\"app\"")
            #expect(news.contains("event: build\ndata: {\"id\":\"\(id)\""))
        }
    }

    @Test("nothing goes on for a caller who has gone, and a shutdown breaks the stream off")
    func endsStreams() async throws {
        // Nothing is written meanwhile that would fail.
        try await TestService.run(.with(\.heartbeat, .seconds(600))) { service in
            let gone = try Connection(port: service.port)
            await gone.send(service.request("GET", "/events"))
            _ = try await gone.read(until: "event: builds")
            gone.close()
            try await eventually("the stream ends") {
                service.log.entries.contains { $0.message == "stream broken off" }
            }
            let stays = try Connection(port: service.port)
            defer { stays.close() }
            await stays.send(service.request("GET", "/events"))
            let seen = try await stays.read(until: "event: builds")
            await service.shutDown()
            let reply = try Reply(Array(seen.utf8) + (try await stays.readAll()))
            #expect(reply.status == 200 && !reply.isComplete)
        }
    }
}
