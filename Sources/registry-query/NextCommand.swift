import ArgumentParser
import Builds
import SemanticVersions

struct NextCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next", abstract: "Show which version comes next. Promises nothing: only a build reserves.",
        discussion: """
            Prints the next tag and nothing else, for scripts; nothing at all when no commit asks for a release.

            Examples:
              registry-query next app-example --bump minor
              registry-query next app-example --range '1.x'
              git log -z --format=%B v1.2.3.. -- app-example | registry-query next app-example --commits-from -
            """)

    @Argument(help: "The webapp, e.g. app-example.") var webapp: String
    @OptionGroup var version: VersionArguments
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let webapp = try WebappName(webapp)
        let selection = try version.selection()
        try await common.withCore { core in
            let answer = try await core.next(of: webapp, selection)
            try answer.show(common.output) { StyledText($0.next.map { "\($0.tag)\n" } ?? "") }
            if common.output == .text, answer.content.next == nil {
                try FileHandleOutput.standardError.show("no commit asks for a release\n")
            }
        }
    }
}
