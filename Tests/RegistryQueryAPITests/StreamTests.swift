import Builds
import Testing

@testable import RegistryQueryAPI

struct StreamTests {
    @Test("gives the log so far, as text")
    func givesLog() async throws {
        try await TestService.run { service in
            let id = try await service.startBuild()
            service.builder.write("cloning\n", to: id)
            service.builder.write("building \u{e9}\n", to: id)
            for query in ["", "?follow=false"] {
                let reply = try await service.get("/builds/\(id)/logs\(query)")
                #expect(reply.status == 200 && reply["content-type"] == "text/plain; charset=utf-8" && reply.isComplete)
                #expect(reply.text == "cloning\nbuilding \u{e9}\n")
            }
        }
    }

    @Test("follows a log, line by line as it is written, until the build has ended")
    func followsLog() async throws {
        try await TestService.run { service in
            let id = try await service.startBuild()
            let connection = try Connection(port: service.port)
            defer { connection.close() }
            await connection.send(service.request("GET", "/builds/\(id)/logs?follow=true"))
            try await eventually("the log is followed") { service.builder.followers(of: id) == 1 }
            var seen = ""
            for line in ["one\n", "two\n"] {
                service.builder.write(line, to: id)
                seen += try await connection.read(until: line)
            }
            service.builder.change(id) { $0.status = .succeeded }
            let reply = try Reply(Array(seen.utf8) + (try await connection.readAll()))
            #expect(reply.text == "one\ntwo\n" && reply.isComplete)
        }
    }

    @Test("a stream takes longer than an answer may")
    func outlastsDeadline() async throws {
        let builder = MemoryBuilder()
        // By a service that has more time for it.
        let id = try await TestService.run(builder: builder) { try await $0.startBuild() }
        try await TestService.run(.with(\.answerWithin, .seconds(5)), builder: builder) { service in
            async let reply = service.get("/builds/\(id)/logs?follow=true")
            try await eventually("the log is followed") { service.builder.followers(of: id) == 1 }
            try await Task.sleep(for: .milliseconds(5500))
            service.builder.write("late\n", to: id)
            service.builder.change(id) { $0.status = .failed }
            #expect(try await reply.text == "late\n")
        }
    }

    @Test("a stream does not outlast its own limit, and breaks off rather than seem whole")
    func boundsStreams() async throws {
        let clock = StillClock()
        var configuration = RegistryQueryAPI.Configuration.with(\.streamsWithin, .seconds(90))
        configuration.clock = clock
        try await TestService.run(configuration) { service in
            let id = try await service.startBuild()
            service.builder.write("so far\n", to: id)
            let connection = try Connection(port: service.port)
            defer { connection.close() }
            await connection.send(service.request("GET", "/builds/\(id)/logs?follow=true"))
            let seen = try await connection.read(until: "so far\n")
            try await eventually("its time is measured") { clock.sleeperCount == 1 }
            clock.advance(by: .seconds(90))
            let reply = try Reply(Array(seen.utf8) + (try await connection.readAll()))
            #expect(reply.text == "so far\n" && !reply.isComplete)
        }
    }

    @Test("events whose source fails break off rather than seem whole")
    func breaksOff() async throws {
        try await TestService.run { service in
            let id = try await service.startBuild()
            let connection = try Connection(port: service.port)
            defer { connection.close() }
            await connection.send(service.request("GET", "/builds/\(id)/events"))
            let seen = try await connection.read(until: "\"status\":\"queued\"")
            service.builder.fail(BuildsError(.builderUnavailable, "the disk is gone"))
            let reply = try Reply(Array(seen.utf8) + (try await connection.readAll()))
            #expect(!reply.isComplete)
        }
    }

    @Test("nothing goes on for a caller who has gone", arguments: ["logs?follow=true", "events"])
    func endsWithCaller(path: String) async throws {
        // Nothing is written meanwhile that would fail.
        try await TestService.run(.with(\.heartbeat, .seconds(600))) { service in
            let id = try await service.startBuild()
            let connection = try Connection(port: service.port)
            await connection.send(service.request("GET", "/builds/\(id)/\(path)"))
            _ = try await connection.read(until: "\r\n\r\n")
            connection.close()
            try await eventually("the stream ends") {
                service.log.entries.contains { $0.message == "stream broken off" }
            }
        }
    }

    @Test("tells each change of a build, and ends with the last")
    func tellsEvents() async throws {
        try await TestService.run(.with(\.heartbeat, .milliseconds(20))) { service in
            let id = try await service.startBuild()
            let connection = try Connection(port: service.port)
            defer { connection.close() }
            await connection.send(service.request("GET", "/builds/\(id)/events"))
            var seen = try await connection.read(until: "\"status\":\"queued\"")
            seen += try await connection.read(until: ": still here\n\n")
            service.builder.change(id) {
                $0.status = .running
                $0.phase = .building
            }
            seen += try await connection.read(until: "\"phase\":\"building\"")
            service.builder.change(id) {
                $0.status = .succeeded
                $0.phase = nil
            }
            let reply = try Reply(Array(seen.utf8) + (try await connection.readAll()))
            #expect(reply.status == 200 && reply["content-type"] == "text/event-stream" && reply.isComplete)
            let events = reply.text.split(separator: "\n\n").filter { !$0.hasPrefix(":") }.map { event in
                event.split(separator: "\n", maxSplits: 1)
            }
            #expect(
                events.allSatisfy {
                    $0.count == 2 && $0[0] == "event: build" && $0[1].hasPrefix("data: {") && !$0[1].contains("\n")
                })
            let builds = try events.map { try JSONParser.parse(Array($0[1].dropFirst("data: ".count).utf8)) }
            #expect(builds.map(\.["status"].string) == ["queued", "running", "succeeded"])
            #expect(builds.map(\.["done"]) == [false, false, true])
        }
    }
}
