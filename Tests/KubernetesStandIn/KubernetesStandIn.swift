import FoundationEssentials
public import KubernetesClient
import Synchronization

/// Stands in for a Kubernetes API server, its controllers and one node, in this process and over real HTTP.
///
/// It answers in the shapes that were recorded from a real server and keeps those of its rules that matter to builds: names are
/// unique, versions conflict, finalizers hold, deletion propagates as asked, quota and rights refuse, Pods live as
/// their ``PodScript`` says. It listens on a free port of 127.0.0.1, so that other processes can use it, too.
public final class KubernetesStandIn: Sendable {
    private struct State {
        var requests: [APIRequest] = []
        var faults: [(fault: Fault, times: Int, matches: @Sendable (APIRequest) -> Bool)] = []
    }

    /// The bearer token that the account ``StandInSettings/account`` has.
    public let token: String
    let cluster: Cluster
    private let state = Mutex(State())
    private let server = Mutex<HTTPServer?>(nil)

    private init(_ settings: StandInSettings) {
        token = "stand-in-\(newUID())"
        var settings = settings
        settings.tokens[token] = StandInSettings.account
        cluster = Cluster(settings: settings)
    }

    /// Starts a stand-in; ``stop()`` ends it.
    public static func start(_ settings: StandInSettings = StandInSettings()) async throws -> KubernetesStandIn {
        let standIn = KubernetesStandIn(settings)
        let server = try await HTTPServer.start { [weak standIn] request in standIn?.reaction(to: request) }
        standIn.server.withLock { $0 = server }
        return standIn
    }

    /// Runs `body` with a stand-in that ends with it, also when it throws.
    public static func run<Result: Sendable>(
        _ settings: StandInSettings = StandInSettings(), _ body: (KubernetesStandIn) async throws -> Result
    ) async throws -> Result {
        let standIn = try await start(settings)
        do {
            let result = try await body(standIn)
            await standIn.stop()
            return result
        } catch {
            await standIn.stop()
            throw error
        }
    }

    /// Breaks all connections and kills all Pods; returns once nothing of it runs any more.
    public func stop() async {
        let server = server.withLock { server in
            defer { server = nil }
            return server
        }
        await server?.stop()
        await cluster.tasks.close()
    }

    /// Where it listens.
    public var port: Int { server.withLock { $0?.port ?? 0 } }

    /// The address, `http://127.0.0.1:PORT`.
    public var address: String { "http://127.0.0.1:\(port)" }

    /// Reads or changes how it behaves, at any time.
    public func withSettings<Result: Sendable>(_ body: (inout StandInSettings) -> Result) -> Result {
        cluster.settings.withLock { settings in body(&settings) }
    }

    // MARK: For clients

    /// Writes a kubeconfig file with which another process reaches this stand-in.
    public func writeKubeconfig(to path: String) throws {
        let text = """
            apiVersion: v1
            kind: Config
            current-context: stand-in
            contexts:
              - name: stand-in
                context: {cluster: stand-in, user: registry-query, namespace: \(withSettings(\.namespace))}
            clusters:
              - name: stand-in
                cluster: {server: "\(address)"}
            users:
              - name: registry-query
                user: {token: "\(token)"}
            """
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    /// A cluster configuration for clients in this process.
    public func configuration() throws -> ClusterConfiguration {
        let path = "\(temporaryDirectory())/stand-in-\(newUID()).yaml"
        try writeKubeconfig(to: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try ClusterConfiguration.kubeconfig(files: [path])
    }

    // MARK: Looking

    /// The requests that have come so far.
    public var requests: [APIRequest] { state.withLock(\.requests) }

    /// A Job as it is stored.
    public func job(_ name: String) -> JSONValue? { cluster.store.read { $0.object(key(.jobs, name)) } }

    /// The names of all Jobs.
    public var jobNames: [String] { names(.jobs) }

    /// The names of all Pods.
    public var podNames: [String] { names(.pods) }

    /// The Pods of a Job.
    public func pods(ofJob name: String) -> [JSONValue] {
        cluster.store.read { $0.objects(.pods, in: namespace) }.map(\.object).filter {
            $0["metadata"]?["labels"]?["batch.kubernetes.io/job-name"]?.string == name
        }
    }

    /// How many watches are open.
    public var watchCount: Int { cluster.watchCount.withLock(\.self) }

    /// The rights that the requests so far used, or would have used had they been had.
    public var usedAccess: Set<ResourceAccess> { Set(requests.compactMap { Route($0)?.access }) }

    /// What has happened to objects since a version, oldest first.
    public func changes(since resourceVersion: String) -> [ObjectChange] {
        let version = Int(resourceVersion) ?? 0
        return cluster.store.read(\.history).filter { $0.version > version }.map { change in
            ObjectChange(
                kind: change.key.kind, name: change.key.name, object: change.after,
                monotonicNanoseconds: change.nanoseconds)
        }
    }

    /// The newest version.
    public var resourceVersion: String { String(cluster.store.read(\.version)) }

    /// Returns once something holds, looked at after every change.
    /// - Throws: `CancellationError`, and an error when it has not come to hold within `limit`.
    public func waitUntil(
        _ what: String, within limit: Duration = .seconds(60), _ holds: @escaping @Sendable (KubernetesStandIn) -> Bool
    ) async throws {
        let changes = cluster.store.changes()
        if holds(self) { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in changes where holds(self) { return }
                throw CancellationError()
            }
            group.addTask {
                try await Task.sleep(for: limit)
                // Whoever looks after each change may be late.
                if holds(self) { return }
                throw NeverHeld(description: "it did not come about within \(limit) that \(what)")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private struct NeverHeld: Error, CustomStringConvertible {
        var description: String
    }

    // MARK: Acting

    /// The next requests that match get a fault instead of, or with, their answer.
    ///
    /// Faults are used up in the order they were added.
    public func inject(
        _ fault: Fault, times: Int = 1, into matches: @escaping @Sendable (APIRequest) -> Bool = { _ in true }
    ) {
        state.withLock { $0.faults.append((fault, times, matches)) }
    }

    /// The deadline of a Job passes.
    public func exceedDeadline(ofJob name: String) { cluster.exceedDeadline(key(.jobs, name)) }

    /// A finished Job's time to live is over.
    public func expireTTL(ofJob name: String) { cluster.expireTTL(key(.jobs, name)) }

    /// Somebody deletes a Pod, as draining its node does.
    public func deletePod(_ name: String) { cluster.delete(key(.pods, name)) }

    /// The history and the pages of listings under way are forgotten: watches from older versions get a 410.
    public func compact() { cluster.store.change { $0.compact() } }

    /// Breaks the watches and followed logs that are open now, or those of them that match, after so many further bytes.
    public func cutStreams(afterBytes count: Int = 0, of matches: (APIRequest) -> Bool = { _ in true }) {
        server.withLock(\.self)?.streams.cut(afterBytes: count, matches)
    }

    /// Stores an object as it is, past all checks.
    public func store(_ object: JSONValue, kind: ResourceKind) {
        cluster.store.change { store in
            _ = store.put(object, at: key(kind, object["metadata"]?["name"]?.string ?? ""))
        }
    }

    /// Stores a Job that has succeeded, as it would be had it been created, started and ended here.
    ///
    /// It has no Pod, and its time to live does not end by itself.
    public func storeFinishedJob(_ manifest: JSONValue) {
        let name = manifest["metadata"]?["name"]?.string ?? ""
        var job = JobDocument.stored(manifest, name: name, namespace: namespace)
        let now = JSONValue.string(timestamp())
        job["status"] = [
            "startTime": now, "completionTime": now, "succeeded": 1, "terminating": 0, "uncountedTerminatedPods": [:],
            "ready": 0,
        ]
        for type in ["SuccessCriteriaMet", "Complete"] {
            job.addCondition(type, "CompletionsReached", "Reached expected number of succeeded pods")
        }
        store(job, kind: .jobs)
    }

    // MARK: Requests

    private var namespace: String { cluster.settings.withLock(\.namespace) }

    private func key(_ kind: ResourceKind, _ name: String) -> Store.Key {
        Store.Key(kind: kind, namespace: namespace, name: name)
    }

    private func names(_ kind: ResourceKind) -> [String] {
        cluster.store.read { $0.objects(kind, in: namespace) }.map(\.key.name)
    }

    private func reaction(to request: APIRequest) -> Reaction {
        let fault = state.withLock { state -> Fault? in
            state.requests.append(request)
            guard let index = state.faults.firstIndex(where: { $0.times > 0 && $0.matches(request) }) else {
                return nil
            }
            state.faults[index].times -= 1
            return state.faults[index].fault
        }
        let cluster = cluster
        let answer: @Sendable () -> APIAnswer = { APIServer(cluster: cluster).answer(to: request) }
        switch fault {
        case nil: return Reaction(answer: answer)
        case .status(let code, let reason, let message, let retryAfter):
            var refusal = Refusal(code: code, reason: reason, message: message)
            if let retryAfter { refusal.fields = [("Retry-After", String(retryAfter))] }
            return Reaction(answer: { [refusal] in APIAnswer(refusal) })
        case .overloaded(let retryAfter):
            var answer = APIAnswer(text: "Too many requests, please try again later.\n", status: 429)
            answer.fields = [("Retry-After", String(retryAfter))]
            return Reaction(answer: { [answer] in answer })
        case .html(let code):
            var answer = APIAnswer(text: "<html><body>Bad gateway</body></html>", status: code)
            answer.contentType = "text/html"
            return Reaction(answer: { [answer] in answer })
        case .delay(let delay): return Reaction(answer: answer, delay: delay)
        case .dropRequest: return Reaction(answer: nil)
        case .dropAnswer:
            _ = answer()
            return Reaction(answer: nil)
        case .dropBody(let count): return Reaction(answer: answer, bodyLimit: count)
        case .trickle(let bytes, let pause): return Reaction(answer: answer, piece: (bytes, pause))
        }
    }
}

private func temporaryDirectory() -> String { FileManager.default.temporaryDirectory.path }
