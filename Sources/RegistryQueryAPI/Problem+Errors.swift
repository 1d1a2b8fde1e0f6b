import Builds
import HTTPTypes
import KubernetesClient
import OCIDistribution

/// What each error of the layers below means to a caller. All of it is here.
extension Problem {
    /// The problem that an error amounts to.
    init(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as InvalidInput: self.init(.invalidValue, error.description, field: error.field)
        case let error as BuildsError: self.init(error)
        case let error as RegistryError: self.init(error)
        case let error as KubernetesError: self.init(error)
        case is DeadlineExceeded:
            self.init(
                .deadlineExceeded,
                "the registry or the cluster took too long; what was asked for may have happened all the same: "
                    + "ask again, with the same Idempotency-Key for a build")
        case is CancellationError:
            self.init(
                .shuttingDown, "the service is shutting down; ask again, another replica or its successor will answer",
                headers: [.retryAfter: "1"])
        default:
            self.init(
                .internalError,
                "the service failed in a way that nobody foresaw; its log has the reason under the X-Request-Id of this answer"
            )
        }
    }

    private init(_ error: BuildsError) {
        let code: ProblemCode =
            switch error.code {
            case .repositoryUnknown: .repositoryUnknown
            case .tagUnknown: .tagUnknown
            case .buildUnknown: .buildUnknown
            case .buildNotFinished: .buildNotFinished
            case .versionTaken: .versionTaken
            case .noNextVersion: .noNextVersion
            case .idempotencyKeyReused: .idempotencyKeyReused
            case .reservationContended: .reservationContended
            case .builderUnavailable: .builderUnavailable
            case .logUnavailable: .logUnavailable
            default: .internalError
            }
        self.init(code, error.description)
        switch code {
        case .versionTaken: field = "version"
        case .idempotencyKeyReused: field = "Idempotency-Key"
        case .reservationContended: headers[.retryAfter] = "1"
        default: break
        }
    }

    private init(_ error: RegistryError) {
        let code: ProblemCode =
            switch error.code {
            case .unavailable, .tooManyRequests: .registryUnavailable
            case .timeout: .registryTimeout
            default: .registryError
            }
        self.init(code, error.description, headers: Self.retryAfter(error.retryAfter))
    }

    private init(_ error: KubernetesError) {
        let code: ProblemCode =
            switch error.code {
            case .timeout: .clusterTimeout
            case .unavailable, .unreachable, .tooManyRequests, .quotaExceeded: .clusterUnavailable
            default: .clusterError
            }
        self.init(code, error.description, headers: Self.retryAfter(error.retryAfter))
    }

    private static func retryAfter(_ delay: Duration?) -> HTTPFields {
        delay.map { [.retryAfter: "\(max($0.secondsRoundedUp, 0))"] } ?? [:]
    }
}
