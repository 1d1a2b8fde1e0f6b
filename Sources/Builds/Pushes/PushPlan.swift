public import SemanticVersions

/// What a push asks for: which webapps to build, by which bump, and which not, and why.
///
/// It comes from the push alone. Whether a folder is a webapp at all may need a look at the registry, and whether the
/// push is out of date one at the builds.
public struct PushPlan: Sendable, Equatable {
    /// A webapp to build.
    public struct Candidate: Sendable, Equatable {
        /// Its name.
        public var webapp: WebappName
        /// Its folder.
        public var folder: String
        /// What the commits that touched it ask for.
        public var bump: Bump
        /// Whether nothing but the registry's knowing its repository can show that the folder is a webapp's.
        public var needsProof: Bool
    }

    /// A folder that was touched and is not built.
    public struct Skipped: Sendable, Equatable {
        /// The folder.
        public var folder: String
        /// The webapp, if the folder's name can be one.
        public var webapp: WebappName?
        /// Why, in one sentence.
        public var reason: String

        /// Gives the reason.
        public init(folder: String, webapp: WebappName?, reason: String) {
            self.folder = folder
            self.webapp = webapp
            self.reason = reason
        }
    }

    /// What to build, by folder.
    public private(set) var candidates: [Candidate] = []
    /// What not to, by folder.
    public private(set) var skipped: [Skipped] = []

    /// What the commits did to a folder.
    private struct Touch {
        var folder: WebappPaths.Folder
        var bump: Bump?
        /// Whether its Dockerfile is there after the push; `nil` where no commit touched that.
        var hasDockerfile: Bool?
    }

    /// Looks at the files of each commit.
    public init(_ push: Push, paths: WebappPaths) {
        var winners: [WebappName: (pattern: Int, folder: String)] = [:]
        var named: [(Touch, WebappName)] = []
        for touch in Self.touches(push, paths) {
            let folder = touch.folder
            let webapp: WebappName
            do {
                webapp = try WebappName(folder.name)
            } catch {
                // `*` matches .github and whatever else has no name of a webapp.
                if folder.isNamed { skip(folder, nil, error.reason) }
                continue
            }
            do {
                _ = try GitSource.validatedSubdirectory(folder.path)
            } catch {
                skip(folder, webapp, error.reason)
                continue
            }
            guard touch.hasDockerfile != false else {
                skip(folder, webapp, "its Dockerfile was removed")
                continue
            }
            let place = (pattern: folder.pattern, folder: folder.path)
            winners[webapp] = winners[webapp].map { $0 < place ? $0 : place } ?? place
            named.append((touch, webapp))
        }
        for (touch, webapp) in named {
            let folder = touch.folder
            if let winner = winners[webapp], winner.folder != folder.path {
                skip(folder, webapp, "\(winner.folder) is the webapp \(webapp), and comes first in WEBAPP_PATHS")
            } else if let bump = touch.bump {
                candidates.append(
                    Candidate(
                        webapp: webapp, folder: folder.path, bump: bump,
                        needsProof: !folder.isNamed && touch.hasDockerfile == nil))
            } else {
                skip(folder, webapp, "no commit that touched it asks for a release (feat, fix or a breaking change)")
            }
        }
        skipped.sort { $0.folder < $1.folder }
    }

    private mutating func skip(_ folder: WebappPaths.Folder, _ webapp: WebappName?, _ reason: String) {
        skipped.append(Skipped(folder: folder.path, webapp: webapp, reason: reason))
    }

    /// What the push did to each folder, by path.
    private static func touches(_ push: Push, _ paths: WebappPaths) -> [Touch] {
        var touches: [String: Touch] = [:]
        for commit in push.commits {
            let bump = ConventionalCommit(commit.message)?.bump
            for (files, isThere) in [(commit.removed, false), (commit.added, true), (commit.modified, true)] {
                for file in files {
                    guard let folder = paths.folder(of: file) else { continue }
                    var touch = touches[folder.path] ?? Touch(folder: folder)
                    touch.bump = [touch.bump, bump].compactMap(\.self).max()
                    if file == "\(folder.path)/Dockerfile" { touch.hasDockerfile = isThere }
                    touches[folder.path] = touch
                }
            }
        }
        return touches.values.sorted { $0.folder.path < $1.folder.path }
    }
}
