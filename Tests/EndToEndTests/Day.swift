import FoundationEssentials
import HTTPTransport
import HTTPTypes
import KubernetesClient
import KubernetesStandIn
import OCIDistribution
import RegistryTesting
import Synchronization
import Testing

@testable import Builds

/// A cluster, a registry, a receiver of callbacks and two replicas of the service, any of which may be killed.
final class Day: Sendable {
    static let callbackSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
    static let gitHubSecret = "It's a Secret to Everybody"
    static let finalizer = "registry-query/callback"
    /// Jobs live until the test lets their time be up.
    static let template = JobTemplate.builtInText
        .replacing("ttlSecondsAfterFinished: 600", with: "ttlSecondsAfterFinished: 86400")
        .replacing("activeDeadlineSeconds: 1800", with: "activeDeadlineSeconds: 86400")

    private struct State {
        var replicas: [DayReplica] = []
        var gates: [String: Gate] = [:]
        var pushed: [String] = []
        var asks: [DayAsk] = []
        /// How often the receiver was called, by `webhook-id`.
        var calls: [String: Int] = [:]
        var isDown = true
    }

    let registry: TestRegistry
    let standIn: KubernetesStandIn
    let gitHubSecretFile: String
    let targets: CallbackTargets
    let almanac = Almanac()
    let diary = LogBook()
    let traps = Traps()
    let client = HTTPClient()
    private let directory: TemporaryDirectory
    private let held = Held()
    private let receiverSlot = Mutex<CallbackReceiver?>(nil)

    /// What changes, apart so that closures can hold it without the day.
    private final class Held: Sendable {
        let state = Mutex(State())
    }

    private init(_ registry: TestRegistry, _ standIn: KubernetesStandIn) throws {
        self.registry = registry
        self.standIn = standIn
        targets = try CallbackTargets("http://127.0.0.1")
        directory = try TemporaryDirectory()
        gitHubSecretFile = try directory.write(Self.gitHubSecret, to: "github-secret")
    }

    /// Runs a day with two replicas, and ends all of it.
    static func run(_ body: (Day) async throws -> Void) async throws {
        let registry = try await TestRegistry.start()
        defer { registry.close() }
        try await KubernetesStandIn.run { standIn in
            let day = try Day(registry, standIn)
            let receiver = try CallbackReceiver(.init { [held = day.held] _, call in Self.answer(call, held) })
            defer { receiver.stop() }
            day.receiverSlot.withLock { $0 = receiver }
            standIn.withSettings { settings in
                settings.script = { [weak day] job, _ in day?.script(of: job) ?? PodScript([]) }
            }
            do {
                for _ in 0..<2 {
                    let replica = try await DayReplica.start(day)
                    day.held.state.withLock { $0.replicas.append(replica) }
                }
                try await body(day)
            } catch {
                let jobs = day.asks.compactMap { ask in day.callback(ask.build).map { "\(ask): \($0)" } }
                let lines = (jobs + day.diary.lines.suffix(60)).joined(separator: "\n")
                Issue.record("the day ended early; this is what was logged last:\n\(lines)")
                await day.end()
                throw error
            }
            await day.end()
        }
    }

    private func end() async {
        for replica in replicas { await replica.kill() }
        for gate in held.state.withLock(\.gates).values { gate.open() }
    }

    // MARK: The receiver

    var receiver: CallbackReceiver {
        get throws {
            guard let receiver = receiverSlot.withLock(\.self) else { throw TestingError("there is no receiver") }
            return receiver
        }
    }

    /// The first segment of the path says how a receiver behaves.
    private static func answer(_ call: CallbackReceiver.Call, _ held: Held) -> CallbackReceiver.Answer {
        let kind = call.line.split(separator: "/").dropFirst().first
        return held.state.withLock { state in
            state.calls[call.id, default: 0] += 1
            switch kind {
            case "well": return .status(200)
            case "busy": return .status(state.calls[call.id, default: 0] <= 2 ? 409 : 200)
            case "down": return state.isDown ? .nothing : .status(204)
            case "over": return .status(410)
            default: return .nothing
            }
        }
    }

    /// The receiver that is down comes back.
    func repairReceiver() { held.state.withLock { $0.isDown = false } }

    func calls(_ ask: DayAsk) throws -> [CallbackReceiver.Call] {
        try receiver.calls.filter { $0.line == "POST \(ask.path)?signature=a%2Fb HTTP/1.1" }
    }

    // MARK: What builds do

    /// The images that builds pushed, in their order.
    var pushed: [String] { held.state.withLock(\.pushed) }

    /// The last number of an image's version.
    static func patch(of image: some StringProtocol) -> Int? { image.split(separator: ".").last.flatMap { Int($0) } }

    /// The name of a webapp tells how its builds fare.
    private func script(of job: String) -> PodScript {
        if job.contains("broken") { return .failedMain }
        let script = PodScript.success { [weak self] context in try self?.push(context) ?? "" }
        guard job.contains("slow") else { return script }
        let gate = Gate()
        // A build that was cancelled leaves its name to the next one.
        let uid = standIn.job(job)?["metadata"]?["uid"]?.string ?? ""
        held.state.withLock { $0.gates[uid] = gate }
        return script.waiting(for: gate, before: \.pushes)
    }

    private func push(_ context: PodScript.PushContext) throws -> String {
        held.state.withLock { $0.pushed.append(context.image) }
        let image = try ImageReference(context.image)
        let commit = context.annotations[JobKeys.Annotation.gitCommit] ?? "none"
        let labels = [
            "org.opencontainers.image.revision": commit,
            "org.opencontainers.image.created": almanac.now.formatted(.iso8601),
        ]
        return try registry.add(
            TestImage(labels: labels, layer: context.image), to: image.repository.description,
            tags: [image.tag?.name ?? ""])
    }

    /// Lets a slow build push.
    func release(_ build: JSON) async throws {
        let uid = job(build)?["metadata"]?["uid"]?.string ?? ""
        try await eventually("a slow build has begun") { [held] in held.state.withLock { $0.gates[uid] != nil } }
        held.state.withLock { $0.gates[uid] }?.open()
    }

    // MARK: Replicas

    var replicas: [DayReplica] { held.state.withLock(\.replicas) }

    /// Waits until a replica hangs in the trap, kills it and starts another in its place.
    func killReplica(in trap: Trap, _ what: Comment, meanwhile: () async throws -> Void = {}) async throws {
        try await eventually(what) { trap.victim != nil }
        try await meanwhile()
        traps.set(nil)
        guard let index = replicas.firstIndex(where: { $0.hangs(in: trap) }) else {
            throw TestingError("no living replica hangs")
        }
        let victim = replicas[index]
        await victim.kill()
        let successor = try await DayReplica.start(self)
        held.state.withLock { $0.replicas[index] = successor }
    }

    /// Sets a trap for requests to the cluster whose body has a text; the path may be narrowed as well.
    func trap(
        _ method: HTTPRequest.Method, path: String = "", having texts: String..., butNot other: String? = nil
    ) -> Trap {
        let port = standIn.port
        let trap = Trap { request in
            guard request.method == method, request.url.port == port, request.url.pathAndQuery.contains(path) else {
                return false
            }
            let body = String(decoding: request.body ?? [], as: UTF8.self)
            return texts.allSatisfy(body.contains) && other.map(body.contains) != true
        }
        traps.set(trap)
        return trap
    }

    /// Sets a trap for the callback of a request.
    func trap(callbackOf name: String) throws -> Trap {
        let port = try receiver.port
        let trap = Trap { $0.url.port == port && $0.url.pathAndQuery.contains("/\(name)?") }
        traps.set(trap)
        return trap
    }

    // MARK: Callers

    /// The requests so far, with what came of them.
    var asks: [DayAsk] { held.state.withLock(\.asks) }

    /// Asks for a build as a caller does who waits only so long, and asks the other replica then: until there is an
    /// answer, and once more, because that answer was lost.
    @discardableResult
    func ask(_ ask: DayAsk, first: Int = 0, patience: Double = 30) async throws -> JSON {
        let callback = ask.receiver == nil ? "" : #", "callbackUrl": "\#(try receiver.url(ask.path))?signature=a%2Fb""#
        let body = #"{"webapp": "\#(ask.webapp)"\#(callback)}"#
        var answers: [JSON] = []
        for attempt in 0..<60 {
            let key = attempt % 2 == 0 ? ask.name : "\"\(ask.name)\""
            let limit = attempt == 0 ? ["--max-time", "\(patience)"] : []
            do {
                let answer = try await client.send(
                    "POST", replicas[(first + attempt) % 2].url + "/builds",
                    headers: ["Content-Type: application/json", "Idempotency-Key: \(key)"], body: body, within: 30,
                    options: limit)
                guard answer.status < 300 else {
                    guard answer.status >= 500 else { throw TestingError("\(ask) got \(answer)") }
                    try await Task.sleep(for: .milliseconds(100))
                    continue
                }
                answers.append(try answer.json)
                guard answers.count == 2 else { continue }
                #expect(answers[0]["id"] == answers[1]["id"] && answers[0]["createdAt"] == answers[1]["createdAt"])
                var told = ask
                told.build = answers[1]
                held.state.withLock { $0.asks.append(told) }
                return answers[1]
            } catch is HTTPClient.ConnectionFailure {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        throw TestingError("\(ask) was never answered")
    }

    /// Asks a replica for a build.
    func build(_ build: JSON) async throws -> JSON {
        try await client.send("GET", replicas[0].url + "/builds/\(build["id"]?.string ?? "")").json
    }

    func cancel(_ build: JSON, at replica: Int) async throws -> HTTPClient.Answer {
        try await client.send("DELETE", replicas[replica].url + "/builds/\(build["id"]?.string ?? "")")
    }

    /// Delivers a push as GitHub does, once.
    func deliverOnce(_ push: DayPush, to replica: Int) async throws -> HTTPClient.Answer {
        let body = push.body
        return try await client.send(
            "POST", replicas[replica % 2].url + "/webhooks/github",
            headers: [
                "Content-Type: application/json", "X-GitHub-Event: push",
                "X-Hub-Signature-256: \(DaySignature.gitHub(body, secret: Self.gitHubSecret))",
            ], body: body, within: 30)
    }

    /// Delivers a push, and again as long as GitHub shows the delivery as failed.
    func deliver(_ push: DayPush, to replica: Int) async throws -> HTTPClient.Answer {
        for attempt in 0..<10 {
            let answer = try await deliverOnce(push, to: replica + attempt)
            guard answer.status == 503, answer["code"] == "builds_not_started" else { return answer }
            try await Task.sleep(for: .milliseconds(500))
        }
        throw TestingError("the push \(push.number) was never taken")
    }

    // MARK: The cluster

    func job(_ build: JSON) -> JSONValue? { standIn.job(build["id"]?.string ?? "") }

    /// How the callback of a build fares, as its Job says.
    func callback(_ build: JSON) -> Callback? {
        job(build)?["metadata"]?["annotations"]?[Self.finalizer]?.string.flatMap(Callback.init(annotation:))
    }

    /// The time of all Jobs that have ended is up, but for some.
    func expireJobs(butNot kept: [JSON] = []) {
        let names = kept.compactMap { $0["id"]?.string }
        for job in standIn.jobNames where !names.contains(job) { standIn.expireTTL(ofJob: job) }
    }
}
