import ArgumentParser
import Builds
import OCIDistribution
import RegistryQueryAPI
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
        try await common.withComposition { composition in
            if let tag {
                try await showImage(webapp, tag, composition)
                return
            }
            let answer = try await composition.versions.tags(
                of: webapp, range: range, prereleases: prereleases ? .included : nil, limit: limit, freshness: .anew)
            switch common.output {
            case .json: try FileHandleOutput.standardOutput.write(JSONDocument(answer).text + "\n")
            case .text: try FileHandleOutput.standardOutput.write(answer.tags.map { $0 + "\n" }.joined())
            }
            if common.output == .text, FileHandleOutput.standardOutput.isTerminal {
                let latest =
                    answer.latest.map { "the latest version is \($0.tag)" } ?? "none of them is a released version"
                try FileHandleOutput.standardError.write("\(answer.count) tags in \(answer.repository); \(latest)\n")
            }
        }
    }

    private func showImage(_ webapp: WebappName, _ text: String, _ composition: Composition) async throws {
        let tag: Tag
        do {
            tag = try Tag(text)
        } catch {
            throw InvalidInput(field: "tag", "\(error)")
        }
        let (image, details) = try await composition.versions.image(of: webapp, tag: tag)
        guard common.output == .text else {
            try FileHandleOutput.standardOutput.write(JSONDocument(tag, image, details).text + "\n")
            return
        }
        var fields = [
            ("image", "\(image)"), ("digest", "\(details.digest)"), ("size", Present.size(details.size)),
            ("platforms", details.platforms.joined(separator: ", ")), ("created", Present.time(details.createdAt)),
        ]
        if let revision = details.revision { fields.append(("revision", revision)) }
        if let source = details.source { fields.append(("source", source)) }
        try FileHandleOutput.standardOutput.write(Present.fields(fields))
    }
}
