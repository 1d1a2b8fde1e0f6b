import HTTPTransport
import HTTPTypes
import KubernetesStandIn
import Synchronization

@testable import KubernetesClient

/// What comes of a request of a reflector.
struct ScriptedAnswer: Sendable {
    enum End: Sendable {
        case ended
        case broken
        /// Neither ends nor fails: nothing comes any more.
        case silent
    }

    var status = 200
    var fields: HTTPFields = [.contentType: "application/json"]
    var pieces: [[UInt8]] = []
    var end = End.ended

    static let lost = ScriptedAnswer(status: 0)

    static func list(_ version: String, _ jobs: JSONValue...) -> ScriptedAnswer {
        let list: JSONValue = [
            "kind": "JobList", "apiVersion": "batch/v1", "metadata": ["resourceVersion": .string(version)],
            "items": .array(jobs),
        ]
        return ScriptedAnswer(pieces: [list.json()])
    }

    /// A watch with whole events.
    static func watch(_ events: JSONValue..., end: End = .ended) -> ScriptedAnswer {
        ScriptedAnswer(pieces: events.map { $0.json() + [0x0A] }, end: end)
    }

    /// A refusal in the API server's words.
    static func refused(_ status: Int, _ reason: String, retryAfter: Int? = nil) -> ScriptedAnswer {
        var answer = ScriptedAnswer(status: status, pieces: [statusDocument(status, reason).json()])
        if let retryAfter { answer.fields[.retryAfter] = String(retryAfter) }
        return answer
    }
}

func statusDocument(_ status: Int, _ reason: String) -> JSONValue {
    [
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": .string(reason),
        "code": .number(JSONNumber(status)),
    ]
}

/// A Job of which there is only what has to be there.
func tinyJob(_ name: String, _ version: Int) -> JSONValue {
    ["metadata": ["name": .string(name), "resourceVersion": .string(String(version))], "spec": [:]]
}

func event(_ type: String, _ object: JSONValue) -> JSONValue { ["type": .string(type), "object": object] }

func bookmark(_ version: Int) -> JSONValue {
    event("BOOKMARK", ["kind": "Job", "metadata": ["resourceVersion": .string(String(version))]])
}

/// Gives the scripted answers in their order; when they are used up, one that never begins.
final class ReflectedServer: Transport {
    typealias Answer = @Sendable (_ version: String?) -> ScriptedAnswer

    private struct State {
        var answers: ArraySlice<Answer>
        var requests: [OutboundRequest] = []
        var openBodies = 0
    }

    private let state: Mutex<State>
    /// Opens when the reflector waits for something that does not come: it has taken in all there is.
    let isWaiting = Gate()

    /// - Parameter answers: get the version that a watch begins at; nothing for a listing.
    init(answering answers: [Answer]) { state = Mutex(State(answers: answers[...])) }

    convenience init(_ answers: [ScriptedAnswer]) {
        self.init(answering: answers.map { answer -> Answer in { _ in answer } })
    }

    convenience init(_ answers: ScriptedAnswer...) { self.init(answers) }

    var requests: [OutboundRequest] { state.withLock(\.requests) }
    /// How many bodies somebody may still read.
    var openBodies: Int { state.withLock(\.openBodies) }

    /// What each request was about: `list`, or `watch` with the version that it begins at.
    var asked: [String] {
        requests.map { request in Self.version(request).map { "watch \($0)" } ?? "list" }
    }

    private static func version(_ request: OutboundRequest) -> String? {
        let query = decodedQuery(request.url.pathAndQuery)
        return query.contains { $0 == ("watch", "true") } ? query.first { $0.0 == "resourceVersion" }?.1 : nil
    }

    func send(_ request: OutboundRequest) async throws -> InboundResponse {
        let next = state.withLock { state in
            state.requests.append(request)
            return state.answers.popFirst()
        }
        guard let answer = next?(Self.version(request)) else { try await silence() }
        guard answer.status != 0 else { throw TransportError(.connectionLost, "lost") }
        let body = OpenBody(self, answer.pieces)
        return InboundResponse(
            status: .init(code: answer.status), headerFields: answer.fields,
            body: ResponseBody {
                {
                    if let piece = body.next() { return piece }
                    switch answer.end {
                    case .ended: return nil
                    case .broken: throw TransportError(.connectionLost, "lost")
                    case .silent: try await self.silence()
                    }
                }
            })
    }

    private func silence() async throws -> Never {
        isWaiting.open()
        while true { try await Task.sleep(for: .seconds(3600)) }
    }

    /// Counts as long as somebody can read it.
    private final class OpenBody: Sendable {
        private let server: ReflectedServer
        private let rest: Mutex<ArraySlice<[UInt8]>>

        init(_ server: ReflectedServer, _ pieces: [[UInt8]]) {
            self.server = server
            rest = Mutex(pieces[...])
            server.state.withLock { $0.openBodies += 1 }
        }

        func next() -> [UInt8]? {
            rest.withLock { rest in
                rest = rest.drop(while: \.isEmpty)
                return rest.popFirst()
            }
        }

        deinit { server.state.withLock { $0.openBodies -= 1 } }
    }
}

/// Applies what a reflector tells, as its users do, and remembers it.
final class ReflectedCopy: Sendable {
    private let state = Mutex<(objects: [String: String], log: [String])>(([:], []))

    /// The version of every object there is, by name.
    var objects: [String: String] { state.withLock(\.objects) }
    /// What was told, in short.
    var log: [String] { state.withLock(\.log) }

    func apply(_ change: Reflector<Job>.Change) {
        state.withLock { state in
            switch change {
            case .listed(let jobs):
                state.objects = Dictionary(jobs.map(Self.entry)) { first, _ in first }
                state.log.append("listed " + jobs.map { "\($0.metadata.name)" }.joined(separator: ","))
            case .changed(let job):
                let (name, version) = Self.entry(job)
                state.objects[name] = version
                state.log.append("changed \(name) \(version)")
            case .removed(let job):
                let (name, version) = Self.entry(job)
                state.objects[name] = nil
                state.log.append("removed \(name) \(version)")
            case .connected: state.log.append("connected")
            case .interrupted(let error): state.log.append("interrupted \(error.metricLabel)")
            }
        }
    }

    private static func entry(_ job: Job) -> (String, String) {
        (job.metadata.name, job.metadata.resourceVersion ?? "")
    }
}
