import Builds
import FoundationEssentials

extension Push {
    /// The most files that GitHub tells of for one commit.
    private static let mostFiles = 3000

    /// Reads the payload of GitHub's event `push`.
    ///
    /// Known of it, beyond what the documentation says:
    /// - `repository.pushed_at` is a number of seconds in this event, and text as RFC 3339 has it in others
    ///   (isaacs/github#1534);
    /// - `commits` is empty, and `head_commit` is not, where the branch was moved to a commit that it had before
    ///   (buildbot/buildbot#4334);
    /// - lists of files can be missing (openaccountants/openaccountants#156);
    /// - `size` and `distinct_size`, which would tell how many commits there are, belong to the Events API and not to
    ///   webhooks.
    ///
    /// Spec: GitHub, "Webhook events and payloads", push: 2048 commits at most, 3000 files for each.
    /// - Throws: ``Problem`` with ``ProblemCode/invalidPayload`` and the JSON path.
    init(github payload: Payload) throws(Problem) {
        let repository = try payload.member("repository")
        var commits: [Commit] = []
        for commit in try payload.member("commits").elements() { commits.append(try Self.commit(commit)) }
        self.init(
            repository: try repository.member("full_name").string(),
            ref: try payload.member("ref").string(),
            before: try Self.valid(payload.member("before"), GitSource.validatedCommit),
            after: try Self.valid(payload.member("after"), GitSource.validatedCommit),
            pushedAt: try repository.optional("pushed_at").map(Self.seconds),
            isDeleted: try payload.optional("deleted")?.flag() ?? false,
            isForced: try payload.optional("forced")?.flag() ?? false,
            cloneURL: try repository.optional("clone_url").map { (url) throws(Problem) in
                try Self.valid(url, GitSource.validatedURL)
            },
            sender: try payload.optional("sender")?.optional("login")?.string().asLogin,
            commits: commits, head: try payload.optional("head_commit").map(Self.commit))
    }

    private static func commit(_ payload: Payload) throws(Problem) -> Commit {
        let added = try payload.optional("added")?.strings()
        let modified = try payload.optional("modified")?.strings()
        let removed = try payload.optional("removed")?.strings()
        let lists = [added, modified, removed]
        return Commit(
            id: try payload.member("id").string(), message: try payload.member("message").string(),
            added: added ?? [], modified: modified ?? [], removed: removed ?? [],
            filesAreComplete: !lists.contains(nil) && lists.reduce(0) { $0 + ($1?.count ?? 0) } < mostFiles)
    }

    private static func valid(
        _ payload: Payload, _ validated: (String) throws(InvalidInput) -> String
    ) throws(Problem) -> String {
        let text = try payload.string()
        do {
            return try validated(text)
        } catch {
            throw payload.refusal(error.reason)
        }
    }

    private static func seconds(_ payload: Payload) throws(Problem) -> Int {
        switch payload.json {
        case .number(let text):
            if let seconds = Int(text) { return seconds }
        case .string(let text):
            if let date = try? Date(text, strategy: .iso8601) {
                return Int(date.timeIntervalSince1970.rounded(.down))
            }
        default: break
        }
        throw payload.refusal("must be whole seconds since 1970 or a time such as 2026-11-23T10:00:00Z")
    }
}

extension String {
    /// The text if it has the form of a login, or of that of an app such as `dependabot[bot]`.
    fileprivate var asLogin: String? {
        let isLogin =
            (1...63).contains(utf8.count)
            && utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-_.[]".utf8.contains(byte)
                }
            }
        return isLogin ? self : nil
    }
}
