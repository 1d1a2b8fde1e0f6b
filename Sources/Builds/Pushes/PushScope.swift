/// Which pushes are built: those to one branch of one repository.
public struct PushScope: Sendable {
    private let git: GitDefaults

    /// Takes the operator's repository, if there is one, and branch.
    public init(_ git: GitDefaults) { self.git = git }

    /// Why a push is of no concern, in one sentence; `nil` if it is one to be built.
    public func reasonToIgnore(_ push: Push) -> String? {
        if let other = otherRepository(push) { return other }
        if push.ref.hasPrefix("refs/tags/") {
            return "\(InvalidInput.quoted(push.ref)) is a tag, and pushes of tags are not built"
        }
        let branch = git.branch.hasPrefix("refs/") ? git.branch : "refs/heads/\(git.branch)"
        guard push.ref == branch else {
            return "\(InvalidInput.quoted(push.ref)) is not built, only \(branch) is (GIT_BRANCH)"
        }
        if push.isDeleted || push.after.allSatisfy({ $0 == "0" }) { return "the branch was deleted" }
        guard push.bringsCommits else {
            return "the push moved the branch to \(push.after.prefix(12)) and brought no commit; "
                + "to build that, ask for it with POST /builds"
        }
        return nil
    }

    /// A hook of a whole organisation tells of all its repositories.
    ///
    /// Where the operator's URL leads to another host, such as that of a mirror, nothing can be said about which of them it is.
    private func otherRepository(_ push: Push) -> String? {
        guard let own = git.url.flatMap(Location.init), let sent = push.cloneURL.flatMap(Location.init),
            own.host == sent.host, own.path != sent.path
        else { return nil }
        return "\(InvalidInput.quoted(push.repository)) is another repository than GIT_REPO_URL"
    }

    /// Host and path of a Git URL, in the spelling that can be compared.
    private struct Location {
        var host: String
        var path: String

        /// Reads `scheme://[user@]host[:port]/path` and `[user@]host:path`; `nil` for a path of this machine.
        init?(_ url: String) {
            var rest = url[...]
            if let scheme = url.firstRange(of: "://") {
                rest = url[scheme.upperBound...]
            } else if let colon = url.firstIndex(of: ":"), !url[..<colon].contains("/") {
                rest = Substring(url.replacingCharacter(at: colon, with: "/"))
            } else {
                return nil
            }
            var authority = rest.prefix { $0 != "/" }
            path = String(rest.dropFirst(authority.count)).lowercased()
            if let at = authority.lastIndex(of: "@") { authority = authority[authority.index(after: at)...] }
            host = authority.prefix { $0 != ":" }.lowercased()
            while path.hasSuffix("/") { path.removeLast() }
            if path.hasSuffix(".git") { path.removeLast(4) }
            while path.hasPrefix("/") { path.removeFirst() }
            guard !host.isEmpty, !path.isEmpty else { return nil }
        }
    }
}

extension String {
    fileprivate func replacingCharacter(at index: Index, with other: String) -> String {
        self[..<index] + other + self[self.index(after: index)...]
    }
}
