import Builds
import Hummingbird

/// `/events`: all builds as they change, for people who look on.
struct EventRoutes: Sendable {
    let feed: BuildFeed

    var routes: [Route] {
        [Route(method: .get, path: "/events", access: .requires(.read), limit: .stream, handle: events)]
    }

    private func events(_ request: APIRequest) async throws -> Response {
        try request.refuseParameters()
        let heartbeat = request.configuration.heartbeat
        return Response(contentType: "text/event-stream", to: request) { [feed] writer in
            let listener = feed.listen()
            defer { listener.leave() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while true {
                        try await Task.sleep(for: heartbeat)
                        listener.nudge()
                    }
                }
                for await _ in listener.wakes {
                    let news = listener.take()
                    try await writer.write(news.readableBytes > 0 ? news : stillHere)
                }
                group.cancelAll()
            }
            try Task.checkCancellation()
        }
    }
}
