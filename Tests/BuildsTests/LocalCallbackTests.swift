import CurlTransport
import FoundationEssentials
import Logging
import OCIDistribution
import RegistryTesting
import SystemPackage
import Testing

@testable import Builds

@Suite("Callbacks of local builds")
struct LocalCallbackTests {
    private static let path = "/webhook-waiting/17?signature=a%2Fb"

    /// A directory of builds, and what processes over it need.
    private struct Place {
        let directory: TemporaryDirectory
        let almanac = Almanac()
        let log = LogBook()
        let transport = CurlTransport(logger: .silent)

        init() throws { directory = try TemporaryDirectory() }

        var store: LocalBuildStore { LocalBuildStore(root: FilePath(directory.path)) }

        /// Runs `body` beside as many processes as there are senders.
        func run(_ senders: [CallbackSender?], _ body: () async throws -> Void) async throws {
            let processes = senders.map { sender in
                let builder = LocalBuilder(
                    stateDirectory: FilePath(directory.path), places: 1,
                    worker: .init(executable: "/bin/true", arguments: [], environment: [:]), callbacks: sender,
                    now: { [almanac] in almanac.now }, logger: log.logger)
                return Task { await builder.run(as: .service) { _ in } }
            }
            defer { for process in processes { process.cancel() } }
            try await body()
            for process in processes { process.cancel() }
            for process in processes { await process.value }
        }

        func sender(to receiver: CallbackReceiver) throws -> CallbackSender {
            try callbackSender(transport, now: { [almanac] in almanac.now })
        }

        /// A build with a callback that ends as told.
        @discardableResult
        func build(_ version: String, to receiver: CallbackReceiver, _ end: Build.Status?) throws -> Build {
            var plan = try plan(version)
            plan.callbackURL = "http://127.0.0.1:\(receiver.port)\(LocalCallbackTests.path)"
            #expect(try store.reserve(plan))
            var build = try #require(try store.build(plan.id))
            build.finishedAt = almanac.now
            switch end {
            case .succeeded: build.succeed(Digest.sha256(of: []))
            case .failed: build.fail("the build failed")
            case .cancelled:
                try store.release(build.cancelled())
                return build
            default: return build
            }
            try store.update(build)
            return build
        }

        func callback(_ build: Build) throws -> Callback? { try store.build(build.id)?.callback }
    }

    @Test(
        "who asked is told of every end, at the URL as it was given, and it is seen on the build",
        arguments: [Build.Status.succeeded, .failed, .cancelled])
    func delivered(end: Build.Status) async throws {
        let place = try Place()
        let receiver = try CallbackReceiver()
        defer { receiver.stop() }
        let build = try place.build("v1.0.0", to: receiver, end)
        try await place.run([place.sender(to: receiver)]) {
            try await eventually("the callback is where it should be") {
                try place.callback(build)?.status == .delivered
            }
        }
        let call = try #require(receiver.calls.first)
        #expect(receiver.calls.count == 1)
        #expect(call.line == "POST \(Self.path) HTTP/1.1" && call.text.contains("\"status\":\"\(end)\""))
        let callback = try #require(try place.callback(build))
        #expect(callback.attempts == 1 && callback.nextAttemptAt == nil && callback.lastAttemptAt != nil)
        #expect(try place.store.owedCallbacks().isEmpty)
        #expect(!place.log.text.contains("signature"))
    }

    @Test("a build that has not ended, and one without a callback, call nobody")
    func nothingToTell() async throws {
        let place = try Place()
        let receiver = try CallbackReceiver()
        defer { receiver.stop() }
        let open = try place.build("v1.0.0", to: receiver, nil)
        let other = try plan("v1.0.1")
        #expect(try place.store.reserve(other))
        var silent = try #require(try place.store.build(other.id))
        silent.succeed(Digest.sha256(of: []))
        try place.store.update(silent)
        let told = try place.build("v1.0.2", to: receiver, .failed)
        try await place.run([place.sender(to: receiver)]) {
            try await eventually("the callback is where it should be") {
                try place.callback(told)?.status == .delivered
            }
        }
        #expect(receiver.calls.count == 1)
        #expect(try place.callback(open) == Callback() && place.store.build(other.id)?.callback == nil)
    }

    @Test("what a process did not record is sent again by the next one, under the same id and with the same body")
    func survivesADeath() async throws {
        let place = try Place()
        let receiver = try CallbackReceiver()
        defer { receiver.stop() }
        let build = try place.build("v1.0.0", to: receiver, .succeeded)
        let file = "\(place.directory.path)/builds/\(build.id)/callback.json"
        try await place.run([place.sender(to: receiver)]) {
            try await eventually("the callback is where it should be") { FileManager.default.fileExists(atPath: file) }
        }
        // As if the process had been killed after the answer and before the record.
        try FileManager.default.removeItem(atPath: file)
        try await place.run([place.sender(to: receiver)]) {
            try await eventually("the callback is where it should be") {
                try place.callback(build)?.status == .delivered
            }
        }
        #expect(receiver.calls.count == 2 && Set(receiver.calls.map(\.id)).count == 1)
        #expect(Set(receiver.calls.map(\.text)).count == 1)
    }

    @Test("a try that failed is made again when it is due, by whichever process is there then")
    func retried() async throws {
        let place = try Place()
        let receiver = try CallbackReceiver { number, _ in .status(number == 1 ? 503 : 200) }
        defer { receiver.stop() }
        let build = try place.build("v1.0.0", to: receiver, .succeeded)
        try await place.run([place.sender(to: receiver)]) {
            try await eventually("the callback is where it should be") {
                try place.callback(build)?.status == .retrying
            }
        }
        let retrying = try #require(try place.callback(build))
        #expect(retrying.attempts == 1 && retrying.lastAnswer == "answered 503" && retrying.nextAttemptAt != nil)
        place.almanac.advance(by: 3600)
        try await place.run([place.sender(to: receiver)]) {
            try await eventually("the callback is where it should be") {
                try place.callback(build)?.status == .delivered
            }
        }
        #expect(receiver.calls.count == 2)
    }

    @Test("of several processes one sends")
    func oneSends() async throws {
        let place = try Place()
        let receiver = try CallbackReceiver()
        defer { receiver.stop() }
        let builds = try (0..<6).map { try place.build("v1.0.\($0)", to: receiver, .succeeded) }
        try await place.run([place.sender(to: receiver), place.sender(to: receiver), place.sender(to: receiver)]) {
            try await eventually("the callback is where it should be") {
                try builds.allSatisfy { try place.callback($0)?.status == .delivered }
            }
            try await Task.sleep(for: .milliseconds(1500))
        }
        #expect(receiver.calls.count == builds.count && Set(receiver.calls.map(\.id)).count == builds.count)
    }

    @Test("a callback that nobody can send is given up, and that is seen", arguments: [true, false])
    func abandoned(isConfigured: Bool) async throws {
        let place = try Place()
        let receiver = try CallbackReceiver()
        defer { receiver.stop() }
        let build = try place.build("v1.0.0", to: receiver, .succeeded)
        let sender = try isConfigured ? callbackSender(place.transport, targets: "elsewhere.example") : nil
        try await place.run([sender]) {
            try await eventually("the callback is where it should be") {
                try place.callback(build)?.status == .abandoned
            }
        }
        #expect(receiver.calls.isEmpty && place.log.text.contains("callback abandoned"))
        #expect(try place.callback(build)?.lastAnswer?.contains("CALLBACK_ALLOWED_HOSTS") == true)
    }

    @Test("the record of a build is kept until its caller was told", arguments: [Build.Status.succeeded, .cancelled])
    func keptWhileOwed(end: Build.Status) throws {
        let place = try Place()
        let receiver = try CallbackReceiver()
        defer { receiver.stop() }
        let build = try place.build("v1.0.0", to: receiver, end)
        try place.store.removeBuilds(endedBefore: .distantFuture)
        let kept = try #require(try place.store.build(build.id))
        try place.store.record(Callback(status: .delivered, attempts: 1), of: kept)
        try place.store.removeBuilds(endedBefore: .distantFuture)
        #expect(try place.store.build(build.id) == nil)
    }
}
