import Builds
import Hummingbird

/// `/webhooks`.
struct WebhookRoutes: Sendable {
    /// What registries call their notifications; 3.x and 2.x say the same in both.
    ///
    /// Spec: CNCF Distribution, "Work with notifications".
    static let notificationTypes = [
        "application/vnd.docker.distribution.events.v2+json", "application/vnd.docker.distribution.events.v1+json",
        "application/json",
    ]

    let versions: VersionService
    let builds: BuildService

    var routes: [Route] {
        let github = GitHubDeliveries(builds: builds)
        return [
            Route(method: .post, path: "/webhooks/github", access: .signed, handle: github.receive),
            Route(method: .post, path: "/webhooks/registry", access: .requires(.read), handle: notice),
        ]
    }

    /// Drops what is cached for each repository that is named, whatever is said to have happened to it: the registry
    /// is asked again when somebody wants to know.
    private func notice(_ request: APIRequest) async throws -> Response {
        try request.refuseParameters()
        let payload = Payload(try await request.jsonObject(mediaTypes: Self.notificationTypes))
        var repositories: Set<String> = []
        for event in try payload.member("events").elements() {
            repositories.insert(try event.member("target").member("repository").string())
        }
        var dropped: Set<WebappName> = []
        for repository in repositories {
            if let webapp = await versions.drop(repository: repository) { dropped.insert(webapp) }
        }
        APIMetrics.count(dropped.isEmpty ? .ignored : .accepted, ofWebhookFrom: "registry")
        return Response(json: ["dropped": .texts(dropped.sorted())])
    }
}
