import FoundationEssentials
import RegistryTesting

/// A repository with what makes a clone difficult: dotfiles, links that lead out of it, a branch with a slash, commits
/// that are no tips.
struct HardRepository: Sendable {
    let directory: TemporaryDirectory
    /// The bare repository, `webapps.git` in the directory.
    var path: String { directory.path("webapps.git") }
    let first: String
    let second: String
    /// On the branch `feature/x` alone.
    let feature: String

    init() async throws {
        directory = try TemporaryDirectory()
        let work = directory.path("work")
        let identity = ["-c", "user.name=test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false"]
        func git(_ arguments: String...) async throws -> String {
            try await command(["git", "-C", work] + arguments).filter { $0 != "\n" }
        }
        func commit(_ message: String) async throws -> String {
            _ = try await git("add", "--all")
            _ = try await command(["git", "-C", work] + identity + ["commit", "-q", "-m", message])
            return try await git("rev-parse", "HEAD")
        }
        try await command(["git", "init", "-q", "-b", "main", work])
        for (name, text) in [
            ("README", "the whole repository\n"), ("apps/app-example/Dockerfile", "FROM scratch\nCOPY . /www/\n"),
            ("apps/app-example/index.html", "first\n"), ("apps/app-example/.dockerignore", "*.md\n"),
            ("apps/app-example/.well-known/security.txt", "a file below a dot\n"),
        ] { try directory.write(text, to: "work/\(name)", permissions: 0o644) }
        try FileManager.default.createSymbolicLink(atPath: "\(work)/apps/evil", withDestinationPath: "/etc")
        try FileManager.default.createSymbolicLink(
            atPath: "\(work)/apps/app-example/link", withDestinationPath: "index.html")
        first = try await commit("first")
        _ = try await git("tag", "v0.1.0")
        _ = try await git("checkout", "-q", "-b", "feature/x")
        try directory.write("feature\n", to: "work/apps/app-example/index.html", permissions: 0o644)
        feature = try await commit("feature")
        _ = try await git("checkout", "-q", "main")
        try directory.write("second\n", to: "work/apps/app-example/index.html", permissions: 0o644)
        second = try await commit("second")
        try await command(["git", "clone", "-q", "--bare", work, directory.path("webapps.git")])
    }
}
