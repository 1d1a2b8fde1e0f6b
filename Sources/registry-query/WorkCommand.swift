import ArgumentParser
import Builds

/// The worker process of the local builder.
struct WorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work", abstract: "Work off queued local builds, then end. Started by the service itself.",
        shouldDisplay: false)

    @OptionGroup(title: "Settings") var common: SettingsOptions

    func run() async throws {
        try await common.withComposition(logging: "info") { composition in
            try await composition.localWorker.run()
        }
    }
}
