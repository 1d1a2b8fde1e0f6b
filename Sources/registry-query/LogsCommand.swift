import ArgumentParser
import Builds
import FoundationEssentials

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print what a build has said.",
        discussion: """
            Examples:
              registry-query logs build-app-example-v1-2-3
              registry-query logs build-app-example-v1-2-3 --follow
            """)

    @Argument(help: "The build's id, as `builds` shows it.") var build: String
    @Flag(help: "Go on until the build has ended.") var follow = false
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let id = try BuildID(build)
        try await common.withComposition { composition in
            let log = try await composition.builds.log(of: id, follow ? .following : .soFar)
            for try await chunk in log {
                switch common.output {
                case .text: try FileHandleOutput.standardOutput.write(chunk)
                case .json:
                    let text = try JSONEncoder().encode(["log": String(decoding: chunk, as: UTF8.self)])
                    try FileHandleOutput.standardOutput.write(Array(text) + [UInt8(ascii: "\n")])
                }
            }
        }
    }
}
