import ArgumentParser
import Builds
import RegistryQueryAPI
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
        try await common.withComposition { composition in
            let versions = composition.versions
            let answer: NextAnswer
            switch selection {
            case .commits(let messages, let bump, let range):
                answer = try await versions.next(
                    of: webapp, commits: messages, atLeast: bump, range: range, freshness: .anew)
            case .bump(let bump, let prereleaseIdentifier, let range):
                answer = try await versions.next(
                    of: webapp, bump: bump, prereleaseIdentifier: prereleaseIdentifier, range: range, freshness: .anew)
            case .version: return
            }
            switch common.output {
            case .json: try FileHandleOutput.standardOutput.write(JSONDocument(answer).text + "\n")
            case .text:
                guard let next = answer.next else {
                    try FileHandleOutput.standardError.write("no commit asks for a release\n")
                    return
                }
                try FileHandleOutput.standardOutput.write("\(next.tag)\n")
            }
        }
    }
}
