// The emitter: the one interface by which anybody states a fact about a user. Implementations are
// made only by the two factories, from a full context: create_user_emitter (router, events of a
// run) and create_auth_emitter (gateway, facts about a socket). There is no other way to a user's
// log or socket.
#pragma once

#include <concepts>
#include <utility>

#include "event-store/model/result.hpp"

namespace signalbox {

template <class E>
concept Emitter = !std::default_initializable<E> &&
                  requires(E emitter, const E& constant, typename E::Fact fact) {
                    typename E::Context;
                    // For whom it speaks; never changes.
                    { constant.context() } -> std::same_as<const typename E::Context&>;
                    // States one fact. An error (Errc::not_owner, Errc::stopped) means it was not
                    // stated and never will be; ok means it was given to the log, not that it
                    // counts yet.
                    { emitter.emit(std::move(fact)) } -> std::same_as<Result<void>>;
                  };

}  // namespace signalbox
