import ArgumentParser
import Builds
import RegistryQueryAPI

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Stop a build and free its version.",
        discussion: """
            Example:
              registry-query cancel build-app-example-v1-2-3
            """)

    @Argument(help: "The build's id, as `builds` shows it.") var build: String
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let id = try BuildID(build)
        try await common.withComposition { composition in
            let build = try await composition.builds.cancel(id)
            switch common.output {
            case .json: try FileHandleOutput.standardOutput.write(JSONDocument(build).text + "\n")
            case .text: try FileHandleOutput.standardOutput.write(Present.build(build))
            }
            // A build that had ended before cannot be cancelled.
            if build.status == .succeeded || build.status == .failed { throw ExitCode.failure }
        }
    }
}
