import Builds
import FoundationEssentials
import HTTPTypes
import Hummingbird
import ServiceLifecycle

/// `/builds`.
struct BuildRoutes: Sendable {
    /// The longest wait that a caller may ask for, in seconds.
    static let longestWait = 60

    let builds: BuildService

    var routes: [Route] {
        [
            Route(method: .post, path: "/builds", access: .requires(.build), handle: start),
            Route(method: .get, path: "/builds", access: .requires(.read), handle: list),
            Route(method: .get, path: "/builds/{id}", access: .requires(.read), limit: .usualAndWait, handle: show),
            Route(method: .delete, path: "/builds/{id}", access: .requires(.build), handle: cancel),
            Route(method: .post, path: "/builds/{id}/retry", access: .requires(.build), handle: retry),
            Route(method: .get, path: "/builds/{id}/logs", access: .requires(.read), limit: .stream, handle: log),
            Route(method: .get, path: "/builds/{id}/events", access: .requires(.read), limit: .stream, handle: events),
        ]
    }

    private func start(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        _ = QueryParameters(request.query, known: [], errors: errors)
        let key = Self.idempotencyKey(request.raw.headers, errors)
        let members = try await request.jsonObject()
        var wanted = try BuildRequest(members, callbackTargets: request.configuration.callbackTargets, errors: errors)
        wanted.idempotencyKey = key
        wanted.requestedBy = request.caller?.name
        return try await Self.answer(await builds.start(wanted), webapp: wanted.webapp, request)
    }

    private func retry(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        _ = QueryParameters(request.query, known: [], errors: errors)
        let key = Self.idempotencyKey(request.raw.headers, errors)
        let id = try Self.id(request, errors)
        try await request.refuseBody()
        let outcome = try await builds.retry(id, requestedBy: request.caller?.name, idempotencyKey: key)
        return try await Self.answer(outcome, webapp: await builds.build(id).webapp, request)
    }

    private static func answer(
        _ outcome: StartOutcome, webapp: @autoclosure () async throws -> WebappName, _ request: APIRequest
    ) async throws -> Response {
        switch outcome {
        case .started(let build):
            request.concerned.note([build.id])
            return Response(
                json: JSONDocument(build).value, status: .accepted,
                headers: [.location: "/builds/\(build.id)", .retryAfter: "2"])
        case .existing(let build):
            request.concerned.note([build.id])
            var response = Response(json: JSONDocument(build).value, headers: [.location: "/builds/\(build.id)"])
            response.headers.set("Idempotent-Replayed", "true")
            return response
        case .releaseNotNeeded(let current):
            return Response(json: JSONDocument(releaseNotNeededOf: try await webapp(), current: current).value)
        }
    }

    private func list(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        let query = QueryParameters(request.query, known: ["webapp", "status"], errors: errors)
        let webapp = query.value("webapp", WebappName.init)
        let status: Build.Status? = query.choice("status")
        try errors.check()
        return Response(json: JSONDocument(try await builds.builds(of: webapp, status: status)).value)
    }

    private func show(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        let wait = Self.wait(in: request.query, errors)
        let id = try Self.id(request, errors)
        return Response(json: JSONDocument(try await build(id, waitingUpTo: wait)).value)
    }

    /// A wait ends early when the service shuts down: the caller learns how the build is, and asks again.
    private func build(_ id: BuildID, waitingUpTo wait: Duration?) async throws -> Build {
        guard let wait, wait > .zero else { return try await builds.build(id) }
        do {
            return try await cancelWhenGracefulShutdown { try await builds.build(id, waitingUpTo: wait) }
        } catch is CancellationError where !Task.isCancelled {
            return try await builds.build(id)
        }
    }

    private func cancel(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        _ = QueryParameters(request.query, known: [], errors: errors)
        let build = try await builds.cancel(Self.id(request, errors))
        guard build.status != .succeeded, build.status != .failed else {
            throw Problem(
                .buildFinished,
                "the build \(build.id) \(build.status.rawValue) already, so there is nothing to cancel; what was pushed stays"
            )
        }
        return Response(json: JSONDocument(build).value, status: .accepted)
    }

    private func log(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        let query = QueryParameters(request.query, known: ["follow"], errors: errors)
        let follow = query.flag("follow") ?? false
        let log = try await builds.log(of: Self.id(request, errors), follow ? .following : .soFar)
        return Response(contentType: "text/plain; charset=utf-8", to: request) { writer in
            for try await chunk in log { try await writer.write(ByteBuffer(bytes: chunk)) }
        }
    }

    private func events(_ request: APIRequest) async throws -> Response {
        let errors = InputErrors()
        _ = QueryParameters(request.query, known: [], errors: errors)
        let id = try Self.id(request, errors)
        _ = try await builds.build(id)
        let heartbeat = request.configuration.heartbeat
        return Response(contentType: "text/event-stream", to: request) { [builds] writer in
            // The newest is what counts: a slow reader skips states, but never the last.
            let (events, sink) = AsyncStream<ByteBuffer>.makeStream(bufferingPolicy: .bufferingNewest(8))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { sink.finish() }
                    for try await build in builds.changes(of: id) {
                        sink.yield(serverSentEvent("build", JSONDocument(build).value))
                    }
                }
                group.addTask {
                    while true {
                        try await Task.sleep(for: heartbeat)
                        sink.yield(stillHere)
                    }
                }
                for await event in events { try await writer.write(event) }
                // The first task's error, if that ended the events.
                try await group.next()
                group.cancelAll()
            }
        }
    }

    /// The id in the path, after everything else that can be wrong with the request was looked at.
    private static func id(_ request: APIRequest, _ errors: InputErrors) throws -> BuildID {
        let id = request.path("id", errors, BuildID.init)
        guard let id, errors.list.isEmpty else { throw errors.problem }
        return id
    }

    /// How long to wait: whole seconds, with or without an `s`.
    static func wait(in query: String?, _ errors: InputErrors) -> Duration? {
        QueryParameters(query, known: ["wait"], errors: errors).value("wait") { text in
            let digits = text.hasSuffix("s") ? text.dropLast() : text[...]
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let seconds = Int(digits),
                seconds <= longestWait
            else {
                throw Refusal("\(quoted(text)) must be whole seconds from 0s to \(longestWait)s, such as 30s")
            }
            return .seconds(seconds)
        }
    }

    /// The key, quoted as the specification has it, or bare.
    ///
    /// Spec: draft-ietf-httpapi-idempotency-key-header, section 2.1; RFC 9651 section 3.3.3.
    private static func idempotencyKey(_ headers: HTTPFields, _ errors: InputErrors) -> String? {
        let name = "Idempotency-Key"
        let sent = headers.values(named: name)
        guard let value = sent.first else { return nil }
        guard sent.count == 1 else {
            errors.add(.malformedRequest, name, "the header is there \(sent.count) times")
            return nil
        }
        var key = value[...]
        if key.hasPrefix("\"") {
            guard key.count >= 2, key.hasSuffix("\"") else {
                errors.add(.malformedRequest, name, "the quotation mark at the end is missing")
                return nil
            }
            key = key.dropFirst().dropLast()
        }
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
            !key.contains("\""), !key.contains("\\")
        else {
            errors.add(
                .malformedRequest, name,
                "must have 1 to 255 visible ASCII characters, without quotation marks and backslashes within")
            return nil
        }
        return String(key)
    }
}
