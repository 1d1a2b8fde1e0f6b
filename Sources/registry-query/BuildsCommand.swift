public import ArgumentParser
public import Builds
import FoundationEssentials
import RegistryQueryAPI
import SemanticVersions

struct BuildsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "builds", abstract: "List builds, newest first.",
        discussion: """
            Examples:
              registry-query builds
              registry-query builds app-example --status failed
            """)

    @Argument(help: "Only builds of this webapp.") var webapp: String?
    @Option(help: ArgumentHelp("queued, running, succeeded, failed or cancelled.", valueName: "status")) var status:
        Build.Status?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let webapp = try webapp.map { try WebappName($0) }
        try await common.withComposition { composition in
            let builds = try await composition.builds.builds(of: webapp, status: status)
            guard common.output == .text else {
                try FileHandleOutput.standardOutput.write(JSONDocument(builds).text + "\n")
                return
            }
            var table = Table("BUILD", "VERSION", "STATUS", "STARTED", "TOOK", "MESSAGE")
            for build in builds {
                table.add(
                    "\(build.id)", build.version.tag, build.phase?.rawValue ?? build.status.rawValue,
                    Present.time(build.startedAt), build.duration(now: Date()).map(Present.duration) ?? "-",
                    String(build.message.prefix(100)))
            }
            try FileHandleOutput.standardOutput.write(table.text)
        }
    }
}

extension Build.Status: ExpressibleByArgument {}
