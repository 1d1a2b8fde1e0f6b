import Builds
import CurlTransport
import HTTPTransport
import KubernetesClient
import Logging
import RegistryQueryAPI

/// What calls back whoever asked for a build.
struct Callbacks: Sendable {
    /// Connects to no address where callers, whose URLs these are, have no business.
    let transport: CurlTransport
    let sender: CallbackSender

    init(_ settings: Settings, cluster: ClusterConfiguration?, logger: Logger) throws {
        // Whoever knows such a URL can resume a workflow, and at trace the transport tells what it asks.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .notice)
        transport = CurlTransport(
            configuration: CurlTransport.Configuration(
                userAgent: RegistryQuery.userAgent, refusesAddress: Self.refusedAddresses(settings, cluster: cluster)),
            logger: quiet)
        sender = CallbackSender(
            transport: transport, targets: settings.callbackTargets,
            secret: try Self.secret(settings, logger: logger), userAgent: RegistryQuery.userAgent,
            document: { Array(JSONDocument($0).text.utf8) })
    }

    /// The keys as they are at each attempt, or none.
    private static func secret(_ settings: Settings, logger: Logger) throws -> @Sendable () -> CallbackSecret? {
        guard let file = settings.callbackSecretFile else { return { nil } }
        do {
            let watched = try WatchedFile(
                path: file, name: SettingKey.callbackSecretFile.variable, logger: logger
            ) { try CallbackSecret($0) }
            return { watched.current }
        } catch {
            throw SettingsError(.callbackSecretFile, file, "\(error)")
        }
    }

    /// Where no callback may go: see ``CallbackTargets/refuses(_:apiServer:)``.
    private static func refusedAddresses(
        _ settings: Settings, cluster: ClusterConfiguration?
    ) -> @Sendable (IPAddress) -> Bool {
        let apiServer = [cluster?.server.host, settings.environment["KUBERNETES_SERVICE_HOST"]]
            .compactMap { $0.flatMap { IPAddress($0) } }
        return { [targets = settings.callbackTargets] in targets.refuses($0, apiServer: apiServer) }
    }
}
