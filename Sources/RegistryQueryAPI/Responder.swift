import Builds
import FoundationEssentials
import HTTPTransport
import HTTPTypes
import Hummingbird
import Logging

/// What every request goes through, in this order: id, access, route, scope, deadline, handler; and on the way back
/// errors become problems, those of failed attempts wait, headers are added, and one line is logged.
struct Responder: HTTPResponder {
    /// The longest target that is read.
    static let longestTarget = 8192

    let gatekeeper: Gatekeeper
    let failures: FailureThrottle
    let table: RouteTable
    let configuration: RegistryQueryAPI.Configuration
    let logger: Logger

    /// What becomes known of a request on its way, for the log.
    private struct Trace {
        var route: String?
        var caller: Caller?
        /// Where a failed attempt came from.
        var failed: SourceAddress?
        var problem: ProblemCode?
        var error: String?
        let builds = ConcernedBuilds()
    }

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let correlation = Correlation(
            requestID: Self.requestID(of: request), traceparent: request.headers.traceparent)
        return await Correlation.$current.withValue(correlation) {
            await respond(to: request, from: context.source, correlation)
        }
    }

    private func respond(
        to request: Request, from source: SourceAddress, _ correlation: Correlation
    ) async -> Response {
        let start = ContinuousClock.now
        let requestID = correlation.requestID ?? ""
        var logger = logger
        logger[metadataKey: "request_id"] = "\(requestID)"
        if let traceparent = correlation.traceparent { logger[metadataKey: "trace_id"] = "\(traceparent.traceID)" }
        var trace = Trace()
        var response: Response
        do {
            response = try await answer(request, from: source, since: start, logger: logger, &trace)
        } catch {
            var problem = Problem(error)
            if problem.code == .tooManyFailures { trace.failed = source }
            if isFailedAttempt(problem, request) {
                trace.failed = source
                do {
                    try await failures.delayAnswer(to: source)
                } catch {
                    problem = Problem(error)
                }
            }
            trace.problem = problem.code
            if problem.code.status.kind == .serverError { trace.error = redacted("\(error)", limit: 500) }
            response = problem.response
            if problem.closesConnection { response = response.closingConnection(of: request) }
        }
        response.headers.set("X-Request-Id", requestID)
        response.headers[.xContentTypeOptions] = "nosniff"
        if request.method == .head { response = response.createHeadResponse() }
        let duration = ContinuousClock.now - start
        APIMetrics.countRequest(request.method, route: trace.route, status: response.status, duration: duration)
        if let problem = trace.problem { APIMetrics.count(problem, of: trace.route) }
        log(request, response, trace, duration: duration, logger)
        return response
    }

    /// Whether somebody tried to be let in and was not; a request without any token is no attempt, but a body that was
    /// to be signed and never came is one.
    private func isFailedAttempt(_ problem: Problem, _ request: Request) -> Bool {
        switch problem.code {
        case .unauthorized: return request.headers.contains(.authorization)
        case .invalidSignature: return true
        case .requestTimeout, .malformedRequest:
            guard problem.code == .requestTimeout || problem == .brokenOff,
                let (path, _) = try? Self.target(of: request),
                case .route(let route, _) = table.match(request.method, path: path)
            else { return false }
            return route.access == .signed
        default: return false
        }
    }

    private func answer(
        _ request: Request, from source: SourceAddress, since start: ContinuousClock.Instant, logger: Logger,
        _ trace: inout Trace
    ) async throws -> Response {
        let (path, query) = try Self.target(of: request)
        let match = table.match(request.method, path: path)
        let admit: @Sendable () throws -> Void = { [failures] in try failures.checkRoom(for: source) }
        if case .route(let route, _) = match {
            trace.route = route.path
            // Probes do not know how the service is called, and have no token; senders of webhooks sign.
            if case .requires(let scope) = route.access {
                trace.caller = try await gatekeeper.identify(request.head, needing: scope, admit: admit)
                try gatekeeper.check(trace.caller, scope)
            }
        } else {
            trace.caller = try await gatekeeper.identify(request.head, admit: admit)
        }
        switch match {
        case .route(let route, let parameters):
            var logger = logger
            if let id = parameters["id"].flatMap({ try? BuildID($0) }) {
                trace.builds.note([id])
                logger[metadataKey: "build"] = "\(id)"
            }
            let request = APIRequest(
                raw: request, pathParameters: parameters, query: query, caller: trace.caller,
                configuration: configuration, logger: logger, concerned: trace.builds)
            let spent = ContinuousClock.now - start
            return try await withDeadline(configuration.answerWithin - spent + Self.extraTime(route, query)) {
                try await route.handle(request)
            }
        case .otherMethods(let methods):
            let allow = methods.map(\.rawValue).joined(separator: ", ")
            throw Problem(
                .methodNotAllowed,
                "\(request.method.rawValue.prefix(20)) is not a method of this path; its methods are \(allow)",
                headers: [.allow: allow])
        case .undecodable:
            throw Problem(.malformedRequest, "the path is not percent-encoded UTF-8")
        case .none:
            throw Problem(.routeUnknown, "there is no route \(quoted(path)); /openapi.yaml describes all there are")
        }
    }

    /// Path and query, from a target in origin form or in absolute form.
    ///
    /// Spec: RFC 9112 section 3.2.
    private static func target(of request: Request) throws(Problem) -> (path: Substring, query: String?) {
        var target = (request.head.path ?? "")[...]
        guard target.utf8.count <= longestTarget else {
            throw Problem(.targetTooLong, "the path and query have more than \(longestTarget) characters")
        }
        if let authority = target.firstRange(of: "://"), !target.hasPrefix("/") {
            target = target[authority.upperBound...].drop { $0 != "/" }
        }
        target = target.prefix { $0 != "#" }
        guard target.hasPrefix("/") else { throw Problem(.malformedRequest, "the request's target is no path") }
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        return (parts[0], parts.count == 2 ? String(parts[1]) : nil)
    }

    private static func extraTime(_ route: Route, _ query: String?) -> Duration {
        guard case .usualAndWait = route.limit else { return .zero }
        return BuildRoutes.wait(in: query, InputErrors()) ?? .zero
    }

    /// The caller's id if it can be written into a log as it is, else a new one.
    private static func requestID(of request: Request) -> String {
        let sent = request.headers.values(named: "X-Request-Id")
        if let id = sent.first, sent.count == 1, (1...128).contains(id.utf8.count),
            id.utf8.allSatisfy({ byte in
                Character(Unicode.Scalar(byte)).isASCIILetterOrDigit || "-_.".utf8.contains(byte)
            })
        {
            return id
        }
        return UUID().uuidString.lowercased()
    }

    private func log(_ request: Request, _ response: Response, _ trace: Trace, duration: Duration, _ logger: Logger) {
        var metadata: Logger.Metadata = [
            "method": "\(request.method.rawValue.prefix(20))",
            "route": "\(trace.route ?? "-")",
            "status": "\(response.status.code)",
            "duration_ms": "\(duration.milliseconds)",
        ]
        if let caller = trace.caller { metadata["caller"] = "\(caller.name)" }
        if let builds = trace.builds.text { metadata["build"] = "\(builds)" }
        if let source = trace.failed { metadata["source"] = "\(source)" }
        if let problem = trace.problem { metadata["problem"] = "\(problem.rawValue)" }
        if let error = trace.error { metadata["error"] = "\(error)" }
        let level: Logger.Level =
            switch trace.problem {
            case .internalError: .error
            case nil where ["/healthz", "/readyz", "/metrics"].contains(trace.route): .debug
            default: .info
            }
        logger.log(level: level, "request answered", metadata: metadata)
    }
}

/// What is known of the connection that a request came over.
struct ConnectionContext: InitializableFromSource {
    let source: SourceAddress

    init(source: ApplicationRequestContextSource) { self.init(from: SourceAddress(source.channel.remoteAddress)) }

    init(from source: SourceAddress) { self.source = source }
}

extension Character {
    fileprivate var isASCIILetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}

extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }

    /// Whole seconds, rounded up: `Retry-After` has no fractions.
    var secondsRoundedUp: Int64 { components.seconds + (components.attoseconds > 0 ? 1 : 0) }
}
