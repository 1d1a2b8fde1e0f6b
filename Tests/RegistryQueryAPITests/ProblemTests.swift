import Builds
import HTTPTransport
import HTTPTypes
import OCIDistribution
import Testing

@testable import struct KubernetesClient.KubernetesError
@testable import struct KubernetesClient.KubernetesOperation
@testable import RegistryQueryAPI

struct ProblemTests {
    @Test(
        "each error of Builds has its code",
        arguments: [
            (BuildsError.Code.repositoryUnknown, 404), (.tagUnknown, 404), (.buildUnknown, 404), (.versionTaken, 409),
            (.noNextVersion, 422),
            (.idempotencyKeyReused, 422), (.reservationContended, 503), (.builderUnavailable, 503),
            (.logUnavailable, 410),
        ] as [(BuildsError.Code, Int)])
    func mapsBuildsErrors(code: BuildsError.Code, status: Int) {
        let problem = Problem(BuildsError(code, "what happened"))
        #expect(
            problem.code.rawValue == code.name && problem.code.status.code == status
                && problem.detail == "what happened")
    }

    @Test(
        "the registry's trouble is told apart by whether to try again",
        arguments: [
            (RegistryError.Code.unauthorized, 502), (.denied, 502), (.malformedAnswer, 502), (.pageChain, 502),
            (.tls, 502), (.truncated, 502),
            (.nameUnknown, 502), (RegistryError.Code(rawValue: "SOMETHING_NEW"), 502), (.unavailable, 503),
            (.tooManyRequests, 503),
            (.timeout, 504),
        ] as [(RegistryError.Code, Int)])
    func mapsRegistryErrors(code: RegistryError.Code, status: Int) {
        let problem = Problem(
            RegistryError(code, operation: "list the tags", summary: "it answered so", retryAfter: .milliseconds(1500)))
        #expect(problem.code.status.code == status && problem.headers[.retryAfter] == "2")
        #expect(problem.detail.hasPrefix("cannot list the tags: it answered so"))
    }

    @Test(
        "so is the cluster's",
        arguments: [
            (KubernetesError.Code.forbidden, 502), (.unauthorized, 502), (.malformedAnswer, 502), (.tls, 502),
            (.quotaExceeded, 503),
            (.unavailable, 503), (.unreachable, 503), (.tooManyRequests, 503), (.timeout, 504),
        ] as [(KubernetesError.Code, Int)])
    func mapsClusterErrors(code: KubernetesError.Code, status: Int) {
        let operation = KubernetesOperation("create the Job")
        #expect(Problem(KubernetesError(code, operation, message: "said so")).code.status.code == status)
    }

    @Test("what nobody foresaw is a 500 that gives nothing away")
    func hidesUnforeseen() {
        struct Surprise: Error {
            var secret = "SECRET"
        }
        let problem = Problem(Surprise())
        #expect(
            problem.code == .internalError && !String(decoding: problem.document.utf8, as: UTF8.self).contains("SECRET")
        )
    }

    @Test("every code has a status of an error and a title, and codes are words")
    func completesCodes() {
        for code in ProblemCode.allCases {
            #expect((400...599).contains(code.status.code) && !code.title.isEmpty && !code.title.hasSuffix("."))
            #expect(code.rawValue.allSatisfy { $0 == "_" || $0.isLowercase })
        }
    }
}
