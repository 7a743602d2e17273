"""Speech: reading text aloud, writing down what was said, and telling speech from music, tones and silence."""
