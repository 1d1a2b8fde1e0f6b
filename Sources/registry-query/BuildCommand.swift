import ArgumentParser
import Builds
import SemanticVersions

struct BuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Reserve the next version of a webapp and have it built and pushed.",
        discussion: """
            Ends as soon as the version is reserved; with --wait, when the build has ended: 0 if the registry serves the tag, 1 if \
            not. On a terminal --wait shows phase, step, time and the last line of the log in place, and elsewhere a line for \
            each phase and step. The build goes on if this command is stopped, with Ctrl-C for example.

            Examples:
              registry-query build app-example --wait
              registry-query build app-example --bump minor --git-ref release --wait
              registry-query build app-example --version v2.0.0 --output json
            """)

    @Argument(help: "The webapp, e.g. app-example.") var webapp: String
    @OptionGroup var choice: VersionArguments
    @Option(
        name: .customLong("version"),
        help: ArgumentHelp("Exactly this version instead of the next one.", valueName: "version"))
    var explicitVersion: String?
    @Option(help: ArgumentHelp("Git repository, instead of GIT_REPO_URL.", valueName: "url")) var gitUrl: String?
    @Option(help: ArgumentHelp("Branch, tag or full reference, instead of GIT_BRANCH.", valueName: "ref")) var gitRef:
        String?
    @Option(help: ArgumentHelp("Full commit id to build.", valueName: "id")) var gitCommit: String?
    @Option(
        help: ArgumentHelp(
            "Directory with the Dockerfile; default the one named after the webapp, . is the root.",
            valueName: "directory"))
    var gitSubdirectory: String?
    @Option(help: ArgumentHelp("Platform such as linux/arm64; may be repeated.", valueName: "platform")) var platform:
        [String] = []
    @OptionGroup var start: StartArguments
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let request = try request()
        try await common.withCore { core in
            try await start.finish(try await core.start(request), core, common)
        }
    }

    private func request() throws -> BuildRequest {
        let selection: BuildRequest.Selection
        if let explicitVersion {
            guard choice.bump == nil, choice.commitsFrom == nil, choice.range == nil, choice.prereleaseId == nil else {
                throw InvalidInput(field: "--version", "excludes --bump, --prerelease-id, --range and --commits-from")
            }
            guard let version = VersionTag(explicitVersion) else {
                throw InvalidInput(field: "--version", "\(explicitVersion) is no semantic version such as v1.2.3")
            }
            selection = .version(version)
        } else {
            selection = try choice.selection()
        }
        return BuildRequest(
            webapp: try WebappName(webapp), selection: selection,
            gitURL: try gitUrl.map { try GitSource.validatedURL($0) },
            gitRef: try gitRef.map { try GitSource.validatedRef($0) },
            gitCommit: try gitCommit.map { try GitSource.validatedCommit($0) },
            gitSubdirectory: try gitSubdirectory.map { try GitSource.validatedSubdirectory($0) },
            platforms: try platform.map { try Platform($0) }, idempotencyKey: try start.checkedKey())
    }
}
