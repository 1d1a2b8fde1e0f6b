import CurlTransport
import FoundationEssentials
import HTTPTransport
import HTTPTypes
import KubernetesClient
import KubernetesStandIn
import Logging
import Testing

/// A stand-in, and a client that talks to it over real HTTP.
struct TestCluster {
    let standIn: KubernetesStandIn
    let client: KubernetesClient
    let transport: CurlTransport

    /// What a busy machine does not come near.
    private static var patient: KubernetesClient.Limits {
        var limits = KubernetesClient.Limits()
        limits.call = .seconds(60)
        return limits
    }

    /// Runs `body` with both; both end with it.
    static func run(
        _ settings: StandInSettings = StandInSettings(), clock: any Clock<Duration> = ContinuousClock(),
        limits: KubernetesClient.Limits = patient, _ body: (TestCluster) async throws -> Void
    ) async throws {
        let transport = CurlTransport(logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await KubernetesStandIn.run(settings) { standIn in
            let client = KubernetesClient(
                transport: transport, configuration: try standIn.configuration(),
                namespace: standIn.withSettings(\.namespace), limits: limits, clock: clock)
            try await body(TestCluster(standIn: standIn, client: client, transport: transport))
        }
        await transport.shutDown()
    }

    /// The Job that was recorded, under a name of its own.
    func manifest(
        _ name: String, finalizers: [String] = [], change: (inout JSONValue) -> Void = { _ in }
    ) throws -> JSONValue {
        var job = try #require(try Recording("job-create-201").requestBody)
        job["metadata"]?["name"] = .string(name)
        job["metadata"]?["finalizers"] = finalizers.isEmpty ? nil : .array(finalizers.map(JSONValue.string))
        change(&job)
        return job
    }

    @discardableResult
    func create(
        _ name: String, finalizers: [String] = [], change: (inout JSONValue) -> Void = { _ in }
    ) async throws -> Job {
        try await client.createJob(try manifest(name, finalizers: finalizers, change: change)).job
    }

    /// Waits until a Job has ended, and returns how.
    func outcome(of name: String) async throws -> Job.Outcome? {
        try await standIn.waitUntil("the Job \(name) ends") {
            ($0.job(name)?["status"]?["conditions"]?.array ?? []).contains {
                $0["type"] == "Complete" || $0["type"] == "Failed"
            }
        }
        return try await client.job(named: name).outcome
    }

    /// Waits until a container of the Job's first Pod is in a state, and returns the Pod.
    func pod(ofJob name: String, when container: String, is state: String) async throws -> Pod {
        try await standIn.waitUntil("the container \(container) of \(name) is \(state)") { standIn in
            standIn.pods(ofJob: name).contains { pod in
                let statuses = ["initContainerStatuses", "containerStatuses"].flatMap {
                    pod["status"]?[$0]?.array ?? []
                }
                return statuses.contains { $0["name"]?.string == container && $0["state"]?[state] != nil }
            }
        }
        let pods = try await client.pods(matching: try LabelSelector(["batch.kubernetes.io/job-name": name]))
        return try #require(pods.items.first)
    }

    /// A container's whole log, or why there is none.
    func log(_ pod: Pod, _ container: String, _ change: (inout LogOptions) -> Void = { _ in }) async throws -> String {
        var options = LogOptions(container: container)
        change(&options)
        switch try await client.log(ofPod: pod.metadata.name, options) {
        case .bytes(let bytes):
            var text: [UInt8] = []
            for try await piece in bytes { text += piece }
            return String(decoding: text, as: UTF8.self)
        case .notStarted(let reason): return "not started: \(reason)"
        case .noSuchContainer: return "no such container"
        case .noSuchPod: return "no such pod"
        }
    }

    /// Sends a recorded request as it was recorded.
    func replay(_ recording: Recording) async throws -> (status: Int, fields: HTTPFields, body: [UInt8]) {
        var fields = HTTPFields()
        for (name, value) in recording.headers where name != "content-length" {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        // Two recordings were made with an administrator's certificate.
        if fields[.authorization] == nil, recording.name != "anonymous-403" {
            fields[.authorization] = "Bearer \(standIn.token)"
        }
        let request = OutboundRequest(
            method: try #require(HTTPRequest.Method(rawValue: recording.method)),
            url: try HTTPURL(standIn.address + recording.target), headerFields: fields,
            body: recording.requestBody.map { $0.string.map { Array($0.utf8) } ?? $0.json() })
        let response = try await transport.send(request)
        return (response.status.code, response.headerFields, try await response.body.collect(upTo: 1_000_000))
    }
}
