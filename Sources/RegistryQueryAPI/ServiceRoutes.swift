import Hummingbird

/// What concerns the service itself: whether it lives, whether it is ready, and what its contract is.
struct ServiceRoutes: Sendable {
    let readiness: Readiness

    var routes: [Route] {
        [
            Route(method: .get, path: "/healthz", access: .open) { request in
                try request.refuseParameters()
                return Response(json: ["status": "ok"])
            },
            Route(method: .get, path: "/readyz", access: .open, handle: ready),
            Route(method: .get, path: "/metrics", access: .requires(.metrics)) { request in
                try request.refuseParameters()
                let metrics = request.configuration.metrics()
                return Response(
                    status: .ok, headers: [.contentType: metrics.contentType, .cacheControl: "no-store"],
                    body: ResponseBody(byteBuffer: ByteBuffer(bytes: metrics.bytes)))
            },
            Route(method: .get, path: "/caller", access: .requires(.read)) { request in
                try request.refuseParameters()
                return Response(json: JSONDocument(request.caller).value)
            },
            Route(method: .get, path: "/", access: .open) { request in try Page.shared.answer(request) },
            Route(method: .get, path: "/openapi.yaml", access: .requires(.read)) { request in
                try request.refuseParameters()
                return Response(
                    status: .ok, headers: [.contentType: "application/yaml", .cacheControl: "no-cache"],
                    body: ResponseBody(byteBuffer: ByteBuffer(string: openAPIDocument)))
            },
        ]
    }

    /// 503 until each dependency has been well once, 200 from then on; see ``Readiness``.
    private func ready(_ request: APIRequest) async throws -> Response {
        try request.refuseParameters()
        let dependencies = readiness.dependencies
        let states = dependencies.map { name, dependency in
            JSONValue.Member(
                name,
                [
                    "state": .string(dependency.state.rawValue),
                    "message": .text(dependency.message),
                    "checkedAt": .time(dependency.checkedAt),
                ])
        }
        let isReady = dependencies.allSatisfy(\.1.wasOK)
        let members: [JSONValue.Member] = [.init("ready", .bool(isReady)), .init("dependencies", .object(states))]
        guard !isReady else { return Response(json: .object(members)) }
        let reasons = dependencies.filter { !$0.1.wasOK }.map { "\($0.name): \($0.1.message ?? "not checked yet")" }
        var problem = Problem(.notReady, reasons.joined(separator: "; "), headers: [.retryAfter: "1"])
        problem.members = members
        throw problem
    }
}
