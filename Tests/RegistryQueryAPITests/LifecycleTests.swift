import Builds
import FoundationEssentials
import HTTPTransport
import Logging
import ServiceLifecycle
import Synchronization
import Testing

@testable import RegistryQueryAPI

struct LifecycleTests {
    @Test("is not ready until registry and builder have been well once, says why, and stays ready when they are not")
    func tellsReadiness() async throws {
        let registry = RegistryStub()
        registry.set("/v2/", .body(status: 401, "{}"))
        try await TestService.run(registry: registry) { service in
            try await eventually("the checks have run") {
                let dependencies = try await service.get("/readyz").json["dependencies"]
                return dependencies["registry"]["state"] == "failing" && dependencies["builder"]["state"] == "ok"
            }
            let reply = try await service.get("/readyz")
            #expect(
                reply.status == 503 && reply["content-type"] == "application/problem+json"
                    && reply["retry-after"] == "1")
            let json = try reply.json
            #expect(json["code"] == "not_ready" && json["ready"] == false)
            #expect(json["dependencies"].names == ["registry", "builder"])
            #expect(json["dependencies"]["registry"].names == ["state", "message", "checkedAt"])
            #expect(json["dependencies"]["registry"]["message"].string?.contains("401") == true)
            #expect(json["message"].string?.hasPrefix("registry: ") == true)
            #expect(
                json["dependencies"]["builder"]["state"] == "ok" && json["dependencies"]["builder"]["message"] == .null)

            service.registry.set("/v2/", .body(status: 200, "{}"))
            try await eventually("the service becomes ready") { try await service.get("/readyz").status == 200 }
            #expect(try await service.get("/readyz").json["ready"] == true)
            service.builder.fail(BuildsError(.builderUnavailable, "the disk is gone"))
            for path in ["/readyz", "/healthz"] { #expect(try await service.get(path).status == 200) }
        }
    }

    @Test("does not become ready while the registry refuses, and says why")
    func tellsWhyNotReady() async throws {
        struct Refused: Error, CustomStringConvertible {
            var description: String { "401 from the registry for Authorization: Bearer SECRET" }
        }
        let log = LogCollector()
        let failing = Toggle(true)
        let readiness = Readiness(
            [
                .init(name: "registry") { if failing.isOn { throw Refused() } },
                .init(name: "builder") {},
            ], clock: ContinuousClock(), logger: Logger(label: "test") { _ in log })
        #expect(!readiness.isReady && readiness.dependencies.allSatisfy { $0.1.state == .unknown })
        for _ in 0..<2 { await readiness.checkAll() }
        #expect(!readiness.isReady)
        let registry = readiness.dependencies[0].1
        #expect(registry.state == .failing && registry.message?.hasPrefix("401 from the registry") == true)
        #expect(registry.message?.contains("SECRET") == false)
        #expect(log.entries.count { $0.level == .warning } == 1, "the same trouble is told once")
        failing.isOn = false
        await readiness.checkAll()
        #expect(readiness.isReady && readiness.dependencies[0].1.message == nil)
        failing.isOn = true
        await readiness.checkAll()
        #expect(readiness.isReady && readiness.dependencies[0].1.state == .failing)
    }

    @Test("a shutdown finishes what is in flight, ends waits early, breaks streams off, and takes nothing new")
    func shutsDown() async throws {
        try await TestService.run(.with(\.answerWithin, .seconds(8))) { service in
            let id = try await service.startBuild()
            let follower = try Connection(port: service.port)
            defer { follower.close() }
            await follower.send(service.request("GET", "/builds/\(id)/logs?follow=true"))
            try await eventually("the log is followed") { service.builder.followers(of: id) == 1 }
            let idle = try Connection(port: service.port)
            defer { idle.close() }
            let looks = service.builder.looks(at: id)
            let start = ContinuousClock.now
            async let waiting = service.get("/builds/\(id)?wait=60")
            try await eventually("the wait has begun") { service.builder.looks(at: id) > looks }
            service.registry.set("/v2/webapp/slow/tags/list", .silence)
            async let working = service.get("/tags/slow")
            try await eventually("the request is in flight") {
                service.registry.asked.contains("/v2/webapp/slow/tags/list")
            }
            await service.shutDown()
            #expect(try await waiting.json["status"] == "queued")
            let followed = try Reply(try await follower.readAll())
            #expect(!followed.isComplete)
            #expect(try await idle.readAll().isEmpty)
            // A wait that did not end early would have taken so long, and an idle connection is left alone for longer.
            #expect(ContinuousClock.now - start < .seconds(60))
            // A child process that somebody starts meanwhile has the listening socket until it is another program.
            try await eventually("connecting is refused") { (try? Connection(port: service.port)) == nil }
            #expect(!service.log.requests.contains { $0.metadata["status"] == "504" }, "while a request is in flight")
            // The registry never answers, and so the one who asked learns when the time is over.
            #expect(try await working.status == 504)
        }
    }

    @Test("a port that is taken is an error")
    func refusesTakenPort() async throws {
        try await TestService.run { service in
            await #expect(throws: (any Error).self) {
                try await TestService.run(.with(\.port, service.port)) { _ in }
            }
        }
    }
}

/// A switch.
private final class Toggle: Sendable {
    private let state: Mutex<Bool>

    init(_ isOn: Bool) { state = Mutex(isOn) }

    var isOn: Bool {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
