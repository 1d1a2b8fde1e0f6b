import CurlTransport
import FoundationEssentials
import HTTPTransport
import Logging
import OCIDistribution
import RegistryTesting
import Synchronization
import SystemPackage
import Testing

@testable import Builds

@Suite("Callbacks of builds on this machine")
struct LocalCallbackTests {
    /// A directory of builds, a receiver, and what a service has to deliver callbacks with.
    private struct Stage {
        let directory: TemporaryDirectory
        let receiver: CallbackReceiver
        let transport: CurlTransport
        let book = LogBook()

        var store: LocalBuildStore { LocalBuildStore(root: FilePath(directory.path)) }

        /// A service of another process; a worker that it may start ends at once.
        func service(transport: (any Transport)? = nil, targets: String? = "http://127.0.0.1") throws -> LocalBuilder {
            LocalBuilder(
                stateDirectory: FilePath(directory.path), places: 1,
                worker: LocalBuilder.WorkerCommand(executable: "/bin/true", arguments: [], environment: [:]),
                callbacks: try targets.map { try callbackSender(transport ?? self.transport, targets: $0) },
                longestCallbackEnding: .milliseconds(100), logger: book.logger)
        }

        func reserve(_ version: String = "v1.0.0", createdAt: Date? = nil) throws -> Build {
            var plan = try plan(version)
            plan.callbackURL = receiver.url("/webhook-waiting/42?signature=a%2Fb")
            if let createdAt { plan.createdAt = createdAt }
            #expect(try store.reserve(plan))
            return try #require(try store.build(plan.id))
        }

        /// What a worker does at the end.
        @discardableResult
        func end(_ build: Build, at end: Date = Date()) throws -> Build {
            var build = build
            build.fail("no")
            build.finishedAt = end
            try store.update(build)
            return build
        }

        func callback(_ build: Build) throws -> Callback? { try store.build(build.id)?.callback }

        func isDelivered(_ build: Build) throws -> Bool { try callback(build)?.status == .delivered }
    }

    private func play(
        _ script: CallbackReceiver.Script = .accepts, _ body: (Stage) async throws -> Void
    ) async throws {
        let transport = CurlTransport(logger: .silent)
        do {
            try await CallbackReceiver.run(script) { receiver in
                try await body(
                    Stage(directory: try TemporaryDirectory(), receiver: receiver, transport: transport))
            }
        } catch {
            await transport.shutDown()
            throw error
        }
        await transport.shutDown()
    }

    /// Lets a builder look after builds while `body` runs.
    private func running<Result>(
        _ builder: LocalBuilder, as role: BuilderRole = .service,
        ended: @escaping @Sendable (Build) async -> Void = { _ in }, _ body: () async throws -> Result
    ) async throws -> Result {
        let task = Task { await builder.run(as: role, ended: ended) }
        let result: Result
        do {
            result = try await body()
        } catch {
            task.cancel()
            throw error
        }
        task.cancel()
        await task.value
        return result
    }

    @Test("the caller is told once, and another process sees that", arguments: [Build.Status.succeeded, .failed])
    func told(status: Build.Status) async throws {
        try await play { stage in
            var build = try stage.reserve()
            #expect(build.callback == Callback())
            try await running(try stage.service()) {
                try await Task.sleep(for: .milliseconds(200))
                #expect(stage.receiver.calls.isEmpty, "it has not ended")
                if status == .succeeded { build.succeed(.sha256(of: [])) } else { build.fail("no") }
                try stage.store.update(build)
                try await eventually("it is delivered") { try stage.isDelivered(build) }
                try await Task.sleep(for: .milliseconds(200))
            }
            #expect(stage.receiver.calls.count == 1)
            let call = try #require(stage.receiver.calls.first)
            #expect(call.text.contains("\"status\":\"\(status)\"") && call.id == build.callbackID)
            #expect(call.line == "POST /webhook-waiting/42?signature=a%2Fb HTTP/1.1")
            #expect(try await stage.service().build(build.id)?.callback?.attempts == 1)
        }
    }

    @Test("the caller of a cancelled build is told, also once its version is given to another, and both are")
    func cancelled() async throws {
        try await play { stage in
            let first = try stage.reserve()
            let builder = try stage.service()
            #expect(try await builder.cancel(first.id)?.status == .cancelled)
            let second = try stage.reserve(createdAt: first.createdAt + 10)
            try stage.end(second)
            try await running(builder) {
                try await eventually("both are told") { try stage.store.owedCallbacks().isEmpty }
            }
            #expect(Set(stage.receiver.calls.map(\.id)) == [first.callbackID, second.callbackID])
            #expect(stage.receiver.calls.count == 2)
            let texts = stage.receiver.calls.sorted { $0.id < $1.id }.map(\.text)
            #expect(texts[0].contains("cancelled") && texts[1].contains("failed"))
        }
    }

    @Test("what came of one attempt to build is not taken for that of the next one of the same name")
    func attempts() async throws {
        try await play { stage in
            let first = try stage.reserve()
            try stage.store.record(Callback(status: .delivered, attempts: 1), of: first)
            _ = try await stage.service().cancel(first.id)
            let second = try stage.reserve(createdAt: first.createdAt + 10)
            // As it would be left by a process that was slow.
            try stage.store.replace(
                LocalBuildStore.callbackFile(of: first), in: stage.store.directory(of: first.id),
                with: Callback(status: .delivered, attempts: 1))
            #expect(try stage.callback(second) == Callback())
            try stage.store.record(Callback(status: .abandoned, attempts: 2), of: first)
            #expect(try stage.callback(second) == Callback())
        }
    }

    @Test("409 until the workflow waits, with the same id and body")
    func conflict() async throws {
        try await play(.init { number, _ in .status(number < 3 ? 409 : 200) }) { stage in
            let build = try stage.end(try stage.reserve())
            try await running(try stage.service()) {
                try await eventually("it is delivered") { try stage.isDelivered(build) }
            }
            #expect(try stage.callback(build)?.attempts == 3 && stage.receiver.calls.count == 3)
            #expect(Set(stage.receiver.calls.map(\.body)).count == 1 && Set(stage.receiver.calls.map(\.id)).count == 1)
        }
    }

    @Test("a receiver that is down is told once it is up, by whichever process is there then")
    func down() async throws {
        try await play { stage in
            stage.receiver.stop()
            let build = try stage.end(try stage.reserve())
            try await running(try stage.service()) {
                try await eventually("an attempt has failed") { try stage.callback(build)?.status == .retrying }
            }
            let receiver = try CallbackReceiver(port: stage.receiver.port)
            defer { receiver.stop() }
            try await running(try stage.service()) {
                try await eventually("it is delivered") { try stage.isDelivered(build) }
            }
            let attempts = try stage.callback(build)?.attempts ?? 0
            #expect(receiver.calls.count == 1 && attempts >= 2)
        }
    }

    @Test("a process that is killed between sending and recording leaves it to the next, which sends the same again")
    func killed() async throws {
        try await play { stage in
            let build = try stage.end(try stage.reserve())
            let transport = stage.transport
            let dying = try stage.service(
                transport: TestTransport { request in
                    _ = try await transport.send(request)
                    try await Task.sleep(for: .seconds(3600))
                    throw CancellationError()
                })
            try await running(dying) { try await eventually("it is sent") { stage.receiver.calls.count == 1 } }
            #expect(try stage.callback(build) == Callback())
            try await running(try stage.service()) {
                try await eventually("it is delivered") { try stage.isDelivered(build) }
            }
            #expect(stage.receiver.calls.map(\.id) == [build.callbackID, build.callbackID])
            #expect(Set(stage.receiver.calls.map(\.body)).count == 1)
        }
    }

    @Test("of two services one delivers, and the other once that is gone")
    func oneDelivers() async throws {
        try await play { stage in
            let hasBegun = Mutex(false)
            let silent = TestTransport { _ in
                hasBegun.withLock { $0 = true }
                try await Task.sleep(for: .seconds(3600))
                throw CancellationError()
            }
            let build = try stage.end(try stage.reserve())
            let other = try await running(try stage.service(transport: silent)) {
                // It has the lock by then.
                try await eventually("the first delivers") { hasBegun.withLock(\.self) }
                let service = try stage.service()
                let other = Task { await service.run(as: .service) { _ in } }
                try await Task.sleep(for: .milliseconds(1500))
                #expect(stage.receiver.calls.isEmpty)
                return other
            }
            try await eventually("it is delivered") { try stage.isDelivered(build) }
            other.cancel()
            await other.value
            #expect(stage.receiver.calls.count == 1)
        }
    }

    @Test("a process that only follows builds sends nothing")
    func observer() async throws {
        try await play { stage in
            let build = try stage.end(try stage.reserve())
            try await running(try stage.service(), as: .observer) { try await Task.sleep(for: .milliseconds(300)) }
            let callback = try stage.callback(build)
            #expect(stage.receiver.calls.isEmpty && callback == Callback())
        }
    }

    @Test(
        "a callback that is given up is seen in the record and in the log",
        arguments: [("http://127.0.0.1", 1), ("https://n8n.example", 0), (nil, 0)])
    func abandoned(targets: String?, attempts: Int) async throws {
        try await play(.init { _, _ in .status(410) }) { stage in
            let build = try stage.end(try stage.reserve())
            try await running(try stage.service(targets: targets)) {
                try await eventually("it is given up") { try stage.callback(build)?.status == .abandoned }
            }
            let made = try stage.callback(build)?.attempts
            #expect(stage.receiver.calls.count == attempts && made == attempts)
            #expect(stage.book.text.contains("warning callback abandoned attempts=\(attempts) build=\(build.id)"))
            #expect(!stage.book.text.contains("webhook-waiting") && !stage.book.text.contains("signature"))
        }
    }

    @Test("a build whose caller is still to be told is not removed, however long ago it ended")
    func retention() async throws {
        try await play { stage in
            let long = Date(timeIntervalSince1970: 1000)
            let (held, cancelled) = (try stage.reserve("v1.0.0"), try stage.reserve("v1.0.1"))
            try stage.end(held, at: long)
            _ = try await stage.service().cancel(cancelled.id)
            _ = try stage.store.removeBuilds(endedBefore: .distantFuture)
            #expect(try stage.store.owedCallbacks().count == 2)
            for build in [held, cancelled] {
                try stage.store.record(Callback(status: .abandoned, attempts: 1), of: build)
            }
            _ = try stage.store.removeBuilds(endedBefore: .distantFuture)
            #expect(try stage.store.build(held.id) == nil && stage.store.build(cancelled.id) == nil)
            try stage.store.record(Callback(status: .delivered, attempts: 1), of: held)
            #expect(try stage.store.build(held.id) == nil, "a build that is gone is not brought back")
        }
    }

    @Test("what is left of a removed build stops no callback and no cleaning, and is told of")
    func damaged() async throws {
        try await play { stage in
            let build = try stage.reserve()
            _ = try await stage.service().cancel(build.id)
            let rest = stage.store.ended.appending("\(build.id)~1")
            try FileManager.default.createDirectory(atPath: rest.string, withIntermediateDirectories: false)
            try await running(try stage.service()) {
                try await eventually("it is delivered") { try stage.store.owedCallbacks().isEmpty }
                try await eventually("it is told of") {
                    stage.book.text.contains("warning a cancelled build is passed")
                }
            }
            #expect(stage.receiver.calls.map(\.id) == [build.callbackID])
            #expect(!stage.book.text.contains("error "), "\(stage.book.text)")
            #expect(try stage.store.removeBuilds(endedBefore: .distantFuture).count == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: stage.store.ended.string).isEmpty)
        }
    }

    @Test("a draft with a callback that was left behind is cleaned away")
    func draft() throws {
        let directory = try TemporaryDirectory()
        let store = LocalBuildStore(root: FilePath(directory.path))
        var plan = try plan()
        plan.callbackURL = "https://n8n.example/"
        #expect(try store.reserve(plan))
        let draft = store.root.appending("work").appending("draft")
        try FileManager.default.moveItem(atPath: store.directory(of: plan.id).string, toPath: draft.string)
        _ = try store.removeBuilds(endedBefore: .distantFuture)
        #expect(!FileManager.default.fileExists(atPath: draft.string))
    }

    @Test("an end is told once, however often its caller was not to be reached")
    func toldOfOnce() async throws {
        try await play(.init { _, _ in .status(503) }) { stage in
            let build = try stage.end(try stage.reserve())
            let ends = Mutex(0)
            try await running(try stage.service(), ended: { _ in ends.withLock { $0 += 1 } }) {
                try await eventually("attempts have failed") { try stage.callback(build)?.attempts ?? 0 >= 2 }
                try await Task.sleep(for: .milliseconds(1200))
            }
            #expect(ends.withLock(\.self) == 1)
        }
    }
}
