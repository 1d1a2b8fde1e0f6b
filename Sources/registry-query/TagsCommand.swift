import ArgumentParser
import Builds
import OCIDistribution
import SemanticVersions

struct TagsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tags", abstract: "Show which tags a webapp has, or what is behind one of them.",
        discussion: """
            Versions come first, highest first, then all other tags by name. The list is complete, or there is an error.

            Examples:
              registry-query tags app-example
              registry-query tags app-example v1.2.3
              registry-query tags app-example --range '1.x' --limit 5
            """)

    @Argument(help: "The webapp, e.g. app-example.") var webapp: String
    @Argument(help: "A tag, to see what is behind it.") var tag: String?
    @Option(help: ArgumentHelp("Only versions in a range such as '^1.2'.", valueName: "range")) var range: VersionRange?
    @Flag(help: "Count prereleases, too.") var prereleases = false
    @Option(help: ArgumentHelp("Show at most so many tags.", valueName: "number")) var limit: Int?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let webapp = try WebappName(webapp)
        if let limit, limit < 1 { throw InvalidInput(field: "--limit", "give a number from 1 on") }
        let tag = try tag.map { text in
            do { return try Tag(text) } catch { throw InvalidInput(field: "tag", "\(error)") }
        }
        try await common.withCore { core in
            if let tag {
                try await core.image(of: webapp, tag: tag).show(common.output, people: Self.lines)
                return
            }
            let answer = try await core.tags(of: webapp, range: range, prereleases: prereleases, limit: limit)
            try answer.show(common.output) { $0.tags.map { $0 + "\n" }.joined() }
            if common.output == .text, FileHandleOutput.standardOutput.isTerminal {
                let (count, repository) = (answer.content.count, answer.content.repository)
                let latest =
                    answer.content.latest.map { "the latest version is \($0)" } ?? "none of them is a released version"
                try FileHandleOutput.standardError.write("\(count) tags in \(repository); \(latest)\n")
            }
        }
    }

    private static func lines(_ image: ImageDocument) -> String {
        var fields = [
            ("image", image.image), ("digest", image.digest), ("size", Present.size(image.size)),
            ("platforms", image.platforms.joined(separator: ", ")), ("created", Present.time(image.createdAt)),
        ]
        if let revision = image.revision { fields.append(("revision", revision)) }
        if let source = image.source { fields.append(("source", source)) }
        return Present.fields(fields)
    }
}
