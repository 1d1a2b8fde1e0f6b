public import ArgumentParser
public import Builds

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
        try await common.withCore { core in
            try await core.builds(of: webapp, status: status).show(common.output, people: Self.table)
        }
    }

    private static func table(_ document: BuildsDocument) -> String {
        var table = Table("BUILD", "VERSION", "STATUS", "STARTED", "TOOK", "MESSAGE")
        for build in document.builds {
            table.add(
                build.id, build.tag, build.stage, Present.time(build.startedAt),
                build.duration.map(Present.duration) ?? "-", String(build.message.prefix(100)))
        }
        return table.text
    }
}

extension Build.Status: ExpressibleByArgument {}
