import Builds
import Hummingbird

/// What came of a push, for whoever reads the webhook's deliveries.
struct PushReport: Sendable {
    var builds: [Build] = []
    var skipped: [PushPlan.Skipped]
    /// Builds of earlier pushes that would have become the newest version, and were cancelled.
    var cancelled: [Build] = []
    var failed: [(webapp: WebappName, problem: Problem)] = []

    init(skipped: [PushPlan.Skipped]) { self.skipped = skipped }

    /// The answer.
    /// - Throws: ``Problem`` with the same members if a build is missing, so that GitHub shows the delivery as failed.
    func response(_ push: Push, paths: WebappPaths) throws(Problem) -> Response {
        let members = members(push, paths)
        guard !failed.isEmpty else { return Response(json: .object(members)) }
        let names = failed.map(\.webapp.description).sorted().joined(separator: ", ")
        var problem = Problem(
            .buildsNotStarted,
            "\(failed.count) of \(failed.count + builds.count) builds were not started (\(names)): "
                + "\(failed[0].problem.detail); redeliver the webhook to complete it, which starts nothing twice")
        problem.members = members
        throw problem
    }

    private func members(_ push: Push, _ paths: WebappPaths) -> [JSONValue.Member] {
        let cancelled = cancelled.map { "\($0.id) of an earlier push was cancelled: it had a higher version" }
        let remark: String? =
            if let gap = push.gap {
                "\(gap); what is known of was looked at, and other webapps may have to be built with POST /builds"
            } else if builds.isEmpty && skipped.isEmpty && failed.isEmpty {
                "no changed file lies in a folder of a webapp (WEBAPP_PATHS \(paths))"
            } else {
                nil
            }
        let notes = [remark].compactMap(\.self) + cancelled
        let note = notes.isEmpty ? nil : notes.joined(separator: "; ")
        return [
            .init("event", "push"),
            .init("repository", .string(push.repository)),
            .init("ref", .string(push.ref)),
            .init("commit", .string(push.after)),
            .init("complete", .bool(push.gap == nil)),
            .init("note", .text(note)),
            .init("builds", .array(builds.map { JSONDocument($0).value })),
            .init(
                "skipped",
                .array(
                    skipped.map {
                        ["path": .string($0.folder), "webapp": .text($0.webapp), "reason": .string($0.reason)]
                    })),
            .init(
                "failed",
                .array(
                    failed.map { webapp, problem in
                        [
                            "webapp": .text(webapp), "code": .string(problem.code.rawValue),
                            "message": .string(problem.detail),
                        ]
                    })),
        ]
    }
}
